using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Cli.Tests")]
