using System.Collections.Immutable;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats.Names;

/// <summary>
/// DINOv2 with registers adds positions to class token and patches, and puts the registers between them afterwards; timm gives only patches a
/// position. The same network in timm's layout has the class token's position inside the class token.
/// </summary>
internal static class RegisterPositions
{
    private const string Class = "cls_token", Positions = "pos_embed", Registers = "reg_token";

    public static IEnumerable<DerivedTensor> Apply(ITensorFile file, IReadOnlyDictionary<string, ImmutableArray<string>> tensors)
    {
        foreach (var (name, parts) in tensors)
        {
            var tensor = RenamedFile.Joined(file, name, parts);
            yield return !IsForeign(file, tensors) ? tensor : name switch
            {
                Class => tensor with { Read = () => Sum(file.ReadFloats(parts[0]), file.ReadFloats(tensors[Positions][0])) },
                Positions => new(WithoutFirst(tensor.Info), () => file.ReadFloats(parts[0])[(int)tensor.Info.Shape[2]..]),
                _ => tensor,
            };
        }
    }

    // timm's own file says reg_token and has the patches' positions alone.
    private static bool IsForeign(ITensorFile file, IReadOnlyDictionary<string, ImmutableArray<string>> tensors) =>
        tensors.TryGetValue(Registers, out var registers) && !registers[0].EndsWith(Registers, StringComparison.Ordinal)
        && tensors.TryGetValue(Class, out var token) && tensors.TryGetValue(Positions, out var positions)
        && file.Info(token[0]).Shape is [1, 1, var width] && file.Info(positions[0]).Shape is [1, > 1, var other] && width == other;

    private static TensorInfo WithoutFirst(TensorInfo positions) => positions with { Shape = positions.Shape.SetItem(1, positions.Shape[1] - 1) };

    private static float[] Sum(float[] token, float[] positions) => [.. token.Select((value, k) => value + positions[k])];
}
