using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Torch.Tests")]
[assembly: InternalsVisibleTo("Espalier.Models.Tests")]
