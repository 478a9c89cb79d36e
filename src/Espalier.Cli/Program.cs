using Espalier.Cli;

NativeEnvironment.Prepare();
using var signals = new StopSignals();
return EspalierApp.Run(args, CliStreams.OfProcess(), signals.Token);
