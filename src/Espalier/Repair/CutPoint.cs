using System.Collections.Immutable;
using Espalier.Models;

namespace Espalier.Repair;

/// <summary>A place where a walk is about to cut.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Widths">The widths that are cut here, together.</param>
/// <param name="Prefix">What the names of the tensors begin with that are cut and solved here.</param>
/// <param name="Target">The network wanted.</param>
/// <param name="Cut">Cuts these widths of the block to those of any other network and repairs: the student up to here with that block; the caller disposes it.</param>
public sealed record CutPoint(int Block, ImmutableArray<WidthKind> Widths, string Prefix, Architecture Target, Func<Architecture, Model> Cut);
