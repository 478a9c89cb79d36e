using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Espalier.Torch.Tests")]
