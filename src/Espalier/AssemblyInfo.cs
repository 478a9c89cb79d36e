using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Tests")]
[assembly: InternalsVisibleTo("Espalier.Cli")]
[assembly: InternalsVisibleTo("Espalier.Cli.Tests")]
