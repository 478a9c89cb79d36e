using System.Collections.Immutable;

namespace Espalier.Models.Cnn;

/// <summary>Parameters and MACs of a convolutional network. Activations, pooling and additions count 0; running statistics are no parameters.</summary>
internal static class CnnCost
{
    /// <summary>MACs per element of a BatchNorm, in the <c>budget</c> convention.</summary>
    private const long NormMacs = 4;

    /// <summary>The whole network, for one image.</summary>
    public static Cost Of(CnnArchitecture net)
    {
        var stem = CnnLayers.Stem(net);
        var side = Sides(net)[^1];
        var cost = OfBlocks(net).Aggregate(Layer(stem, net.ImageSize), (sum, block) => sum + block);
        if (CnnLayers.Head(net) is { } head) cost += Layer(head, side);
        long inputs = net.Features, outputs = net.Classes;
        return cost + new Cost(outputs * (inputs + 1), inputs * outputs, inputs * outputs);
    }

    /// <summary>Every block in order; a dropped one costs nothing.</summary>
    public static ImmutableArray<Cost> OfBlocks(CnnArchitecture net)
    {
        var sides = Sides(net);
        return [.. Enumerable.Range(0, net.Depth).Select(i => Block(net, i, sides[i]))];
    }

    /// <summary>Side of the map that enters each block, and of the last one's output.</summary>
    public static ImmutableArray<int> Sides(CnnArchitecture net)
    {
        var side = CnnLayers.Stem(net).SideAfter(net.ImageSize);
        if (net.Stem.Pool) side = (side - 1) / 2 + 1;
        var sides = ImmutableArray.CreateBuilder<int>();
        sides.Add(side);
        foreach (var block in net.Blocks) sides.Add(side = (side - 1) / block.Stride + 1);
        return sides.ToImmutable();
    }

    private static Cost Block(CnnArchitecture net, int index, int side)
    {
        var cost = CnnLayers.Shortcut(net, index) is { } shortcut ? Layer(shortcut, side) : default;
        foreach (var layer in CnnLayers.Branch(net, index))
        {
            cost += Layer(layer, side);
            side = layer.SideAfter(side);
        }
        return cost;
    }

    private static Cost Layer(ConvLayer layer, int side)
    {
        long pixels = (long)layer.SideAfter(side) * layer.SideAfter(side);
        var weights = (long)layer.Outputs * (layer.Inputs / layer.Groups) * layer.Kernel * layer.Kernel;
        return new Cost(weights + 2L * layer.Outputs, pixels * weights + NormMacs * pixels * layer.Outputs, pixels * weights);
    }
}
