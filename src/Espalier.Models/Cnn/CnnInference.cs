using System.Collections.Immutable;

namespace Espalier.Models.Cnn;

/// <summary>Reads a known convolutional network off the shapes of its tensors (timm names).</summary>
internal static class CnnInference
{
    /// <summary>Whether the tensors could be those of a convolutional network.</summary>
    public static bool Suits(IReadOnlyDictionary<string, ImmutableArray<long>> shapes) => shapes.ContainsKey("bn1.running_mean");

    /// <summary>The network of that name, or the one that has these shapes whatever it is called.</summary>
    /// <param name="shapes">Shape of every tensor, by name.</param>
    /// <param name="name">What the file or its config calls it; null when nothing does.</param>
    /// <param name="where">The file, for errors.</param>
    /// <exception cref="InputException">No known network has these tensors.</exception>
    public static CnnArchitecture Infer(IReadOnlyDictionary<string, ImmutableArray<long>> shapes, string? name, string where)
    {
        var named = name is null ? null : CnnRegistry.Find(name)?.Architecture as CnnArchitecture;
        foreach (var net in (named is null ? [] : new[] { named }).Concat(CnnRegistry.Candidates))
        {
            if (shapes.Count < net.Depth || !shapes.TryGetValue("bn1.running_mean", out var stem) || !stem.SequenceEqual([net.Stem.Width])) continue;
            var head = shapes.GetValueOrDefault(net.Classifier + ".weight");
            var found = net with { Classes = head.IsDefaultOrEmpty ? 0 : (int)head[0] };
            var expected = found.Tensors().ToList();
            if (expected.Count == shapes.Count && expected.All(t => shapes.TryGetValue(t.Name, out var shape) && shape.SequenceEqual(t.Shape))) return found;
        }
        throw new InputException($"{where} has the names of a convolutional network, but its {shapes.Count} tensors are those of none that is known "
            + "(ResNet-18, 34, 50, 101 and 152, MobileNetV2); a compressed one needs the config.json that was written with it.");
    }
}
