using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>ViT-Ti against PyTorch's float64 logits of eight validation images.</summary>
public class GoldenParityTests : TorchTest
{
    private const string Checkpoint = "vit_tiny_patch16_224.augreg_in21k_ft_in1k";

    [SkippableFact]
    public void Logits_in_single_precision_are_those_of_PyTorch()
    {
        using var model = Load();
        var logits = model.Answer(Stored("pixel_values"));
        Distance(logits, Stored("logits")).ShouldBeLessThan(1e-4);
    }

    [SkippableFact]
    public void A_wrong_norm_epsilon_would_be_seen()
    {
        using var model = Load();
        using var wrong = new VitModel(model.Architecture with { LayerNormEps = 1e-5 }, model.Preprocessing, model.Weights.Clone());
        Distance(wrong.Answer(Stored("pixel_values")), Stored("logits")).ShouldBeGreaterThan(2e-4);
    }

    [SkippableFact]
    public void Bf16_matrix_products_move_logits_by_little_and_no_decision()
    {
        Skip.IfNot(TorchRuntime.HasBf16, "bf16 products need a processor with AVX-512");
        using var model = Load();
        using var noGrad = new NoGrad();
        Tensor logits;
        using (new Autocast(true)) logits = model.Logits(Stored("pixel_values")).To(DType.Float32);
        var golden = Stored("logits");
        Distance(logits, golden).ShouldBeInRange(1e-3, Bf16Tolerance);
        logits.ArgMax(-1).BitEquals(golden.ArgMax(-1)).ShouldBeTrue();
    }

    // Measured: 0.127.
    private const double Bf16Tolerance = 0.25;

    [SkippableFact]
    public void Image_files_give_the_stored_pixels_and_logits()
    {
        using var model = Load();
        var transform = new EvalTransform(model.Preprocessing);
        var folder = SharedData.Require("imagenet-val-650");
        var size = transform.Channels * transform.Size * transform.Size;
        var pixels = new float[8 * size];
        var files = File.ReadLines(Path.Combine(folder, "labels.txt")).Take(8).Select(line => line[..line.LastIndexOf(' ')]).ToArray();
        for (var i = 0; i < files.Length; i++)
            transform.Apply(ImageReader.Read(Path.Combine(folder, files[i]), 3), pixels.AsSpan(i * size, size));

        var input = Tensor.From<float>(pixels, 8, 3, 224, 224);
        // The model divides by 0.5, so one step of 1/255 is 2/255 here.
        (Distance(input, Stored("pixel_values")) * 0.5).ShouldBeLessThan(1.001 / 255);
        Distance(model.Answer(input), Stored("logits")).ShouldBeLessThan(5e-2);
    }

    private static VitModel Load() => ModelSource.Open(SharedData.Require(Checkpoint)).LoadVit();

    private static Tensor Stored(string name)
    {
        using var file = SafetensorsFile.Open(SharedData.Require("golden-vit-tiny.safetensors"));
        return Tensor.From<float>(file.ReadFloats(name), file.Info(name).Shape.AsSpan());
    }
}
