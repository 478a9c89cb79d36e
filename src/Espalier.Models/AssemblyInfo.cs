using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Models.Tests")]
