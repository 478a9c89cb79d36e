using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Tests")]
