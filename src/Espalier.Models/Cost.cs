namespace Espalier.Models;

/// <summary>What a network, or a part of it, costs for one image. One multiply-accumulate is one MAC.</summary>
/// <param name="Parameters">Every parameter, class token and position embedding included.</param>
/// <param name="MacsBudget">The <c>budget</c> convention: Linear and Conv MACs plus 4 per element of an affine norm; no attention products.</param>
/// <param name="MacsFull">The <c>full</c> convention: Linear and Conv MACs plus both attention products; no norms.</param>
public readonly record struct Cost(long Parameters, long MacsBudget, long MacsFull)
{
    public static Cost operator +(Cost a, Cost b) =>
        new(a.Parameters + b.Parameters, a.MacsBudget + b.MacsBudget, a.MacsFull + b.MacsFull);

    public static Cost operator -(Cost a, Cost b) =>
        new(a.Parameters - b.Parameters, a.MacsBudget - b.MacsBudget, a.MacsFull - b.MacsFull);
}
