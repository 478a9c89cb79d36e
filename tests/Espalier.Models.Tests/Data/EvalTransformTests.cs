using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Testing;

namespace Espalier.Models.Tests.Data;

public class EvalTransformTests
{
    private static readonly Preprocessing VitTiny = new() { Size = 224, Mean = [0.5, 0.5, 0.5], Std = [0.5, 0.5, 0.5] };

    [SkippableFact]
    public void Eight_photographs_come_out_as_the_published_pipeline_makes_them()
    {
        var golden = SharedData.Require("golden-vit-tiny.safetensors");
        var photographs = ImageDataset.Open(SharedData.Require("imagenet-val-650")).Take(8);
        var expected = ReadTensor(golden, "pixel_values");
        var transform = new EvalTransform(VitTiny);
        var actual = new float[3 * 224 * 224];
        for (var i = 0; i < photographs.Count; i++)
        {
            transform.Apply(photographs.Items[i].Load(), actual);
            var worst = 0f;
            for (var k = 0; k < actual.Length; k++) worst = Math.Max(worst, Math.Abs(actual[k] - expected[i * actual.Length + k]));
            worst.ShouldBeLessThan(1e-6f, photographs.Items[i].Id);
        }
    }

    [Theory]
    [InlineData(500, 375, 330, 248)]
    [InlineData(375, 500, 248, 330)]
    [InlineData(227, 227, 248, 248)]
    [InlineData(1, 10, 248, 2480)]
    public void The_long_side_is_rounded_down(int width, int height, int expectedWidth, int expectedHeight) =>
        EvalTransform.ResizedShape(width, height, 248).ShouldBe((expectedWidth, expectedHeight));

    [Fact]
    public void The_crop_is_the_middle_of_the_resized_image()
    {
        var image = ImageReader.Read(Golden.Fixture("rgb.png"));
        var preprocessing = new Preprocessing { Size = 20, CropFraction = 0.875, Mean = [0.1, 0.2, 0.3], Std = [0.5, 0.25, 2] };
        preprocessing.Resize.ShouldBe(22);
        var whole = Resampler.Resize(image, 28, 22, Interpolation.Bicubic);
        var actual = new float[3 * 20 * 20];
        new EvalTransform(preprocessing).Apply(image, actual);
        for (var c = 0; c < 3; c++)
            for (var y = 0; y < 20; y++)
                for (var x = 0; x < 20; x++)
                    actual[(c * 20 + y) * 20 + x].ShouldBe(
                        (float)((whole.Pixels[((y + 1) * 28 + x + 4) * 3 + c] / 255.0 - preprocessing.Mean[c]) / preprocessing.Std[c]), 1e-5f);
    }

    [Fact]
    public void A_squashed_image_is_resized_on_both_sides()
    {
        var image = ImageReader.Read(Golden.Fixture("rgb.png"));
        var preprocessing = new Preprocessing { Size = 20, CropFraction = 1, Squash = true, Mean = [0, 0, 0], Std = [1, 1, 1] };
        var whole = Resampler.Resize(image, 20, 20, Interpolation.Bicubic);
        var actual = new float[3 * 20 * 20];
        new EvalTransform(preprocessing).Apply(image, actual);
        for (var k = 0; k < 400; k++)
            for (var c = 0; c < 3; c++) actual[c * 400 + k].ShouldBe(whole.Pixels[k * 3 + c] / 255f, 1e-6f);
    }

    [Fact]
    public void Grey_images_feed_colour_models_and_the_other_way_round()
    {
        var grey = ImageReader.Read(Golden.Fixture("grey.png"), channels: 1);
        var colour = new float[3 * 16 * 16];
        new EvalTransform(VitTiny with { Size = 16 }).Apply(grey, colour);
        colour[..256].ShouldBe(colour[512..]);
        var single = new float[16 * 16];
        new EvalTransform(new() { Size = 16, Mean = [0.5], Std = [0.5] }).Apply(grey.WithChannels(3), single);
        single.ShouldBe(colour[..256]);
    }

    [Fact]
    public void A_smaller_image_is_padded_with_zeros()
    {
        var preprocessing = new Preprocessing { Size = 20, CropFraction = 2, Mean = [0], Std = [1] };
        var image = new ImageBuffer(10, 10, 1, Enumerable.Repeat((byte)255, 100).ToArray());
        var actual = new float[400];
        new EvalTransform(preprocessing).Apply(image, actual);
        actual.Sum().ShouldBe(100);
        actual[5 * 20 + 5].ShouldBe(1);
        actual[4 * 20 + 5].ShouldBe(0);
    }

    [Fact]
    public void Unusable_numbers_are_refused()
    {
        Should.Throw<InputException>(() => new EvalTransform(VitTiny with { Size = 0 }));
        Should.Throw<InputException>(() => new EvalTransform(VitTiny with { CropFraction = double.NaN }));
        Should.Throw<InputException>(() => new EvalTransform(VitTiny with { Std = [0.5, 0, 0.5] }));
        Should.Throw<InputException>(() => new EvalTransform(VitTiny with { Mean = [0.5, 0.5] }));
    }

    private static float[] ReadTensor(string path, string name)
    {
        var bytes = File.ReadAllBytes(path);
        var header = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using var json = JsonDocument.Parse(bytes.AsMemory(8, header));
        var offsets = json.RootElement.GetProperty(name).GetProperty("data_offsets");
        var data = bytes.AsSpan(8 + header)[offsets[0].GetInt32()..offsets[1].GetInt32()];
        return MemoryMarshal.Cast<byte, float>(data).ToArray();
    }
}
