using Espalier.Cli;

using var signals = new StopSignals();
return EspalierApp.Run(args, CliStreams.OfProcess(), signals.Token);
