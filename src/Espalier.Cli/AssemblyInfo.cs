using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Cli.Tests")]
[assembly: InternalsVisibleTo("Espalier.Product.Tests")]
