using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class TrainTransformTests
{
    private static readonly Preprocessing Model = new() { Size = 24, Mean = [0.5, 0.5, 0.5], Std = [0.5, 0.5, 0.5] };

    [Fact]
    public void Crops_cover_their_ranges_uniformly()
    {
        var crop = new RandomResizedCrop();
        var random = new SeededRandom(1);
        double area = 0, logRatio = 0, min = 1, max = 0;
        const int n = 20_000;
        for (var i = 0; i < n; i++)
        {
            var box = crop.Draw(400, 400, random);
            box.IsInside(400, 400).ShouldBeTrue();
            var fraction = box.Width * box.Height / 160_000.0;
            area += fraction;
            logRatio += Math.Log((double)box.Width / box.Height);
            (min, max) = (Math.Min(min, fraction), Math.Max(max, fraction));
        }
        min.ShouldBe(0.08, 0.005);
        max.ShouldBe(1, 0.01);
        (area / n).ShouldBe(0.478, 0.005); // 0.54 less what large areas lose by fitting only when nearly square
        (logRatio / n).ShouldBe(0, 0.01);
    }

    [Fact]
    public void A_very_long_image_falls_back_to_its_centre()
    {
        var box = new RandomResizedCrop { MinScale = 0.9 }.Draw(1000, 10, new SeededRandom(1));
        box.ShouldBe(new PixelBox(493, 0, 13, 10));
        new RandomResizedCrop().Draw(1, 1, new SeededRandom(1)).ShouldBe(new PixelBox(0, 0, 1, 1));
    }

    [Fact]
    public void The_same_stream_gives_the_same_sample_and_another_a_different_one()
    {
        var image = ImageReader.Read(Golden.Fixture("rgb.png"));
        var transform = new TrainTransform(Model, new() { Erasing = new() { Probability = 1 } });
        float[] Sample(long key)
        {
            var result = new float[3 * 24 * 24];
            transform.Apply(image, new SeededRandom(5, "augment", key), result);
            return result;
        }
        Sample(1).ShouldBe(Sample(1));
        Sample(1).ShouldNotBe(Sample(2));
    }

    [Fact]
    public void Without_choices_left_it_is_a_plain_resize()
    {
        var image = ImageReader.Read(Golden.Fixture("rgb.png"));
        var whole = new TrainTransformOptions { Crop = new() { MinScale = 1, MinRatio = 37.0 / 29, MaxRatio = 37.0 / 29 }, Flip = 0, RandAugment = null };
        var actual = new float[3 * 24 * 24];
        new TrainTransform(Model, whole).Apply(image, new SeededRandom(1), actual);
        var expected = new float[actual.Length];
        new Normalization(Model.Mean, Model.Std).Apply(Resampler.Resize(image, 24, 24, Interpolation.Bicubic).Pixels, expected);
        actual.ShouldBe(expected);

        var mirrored = new float[actual.Length];
        new TrainTransform(Model, whole with { Flip = 1 }).Apply(image, new SeededRandom(1), mirrored);
        for (var row = 0; row < 3 * 24; row++) mirrored.AsSpan(row * 24, 24).Reverse();
        mirrored.ShouldBe(expected);
    }

    [Fact]
    public void Bad_ranges_are_refused()
    {
        Should.Throw<InputException>(() => new TrainTransform(Model, new() { Crop = new() { MinScale = 0 } }));
        Should.Throw<InputException>(() => new TrainTransform(Model, new() { Crop = new() { MinRatio = 2 } }));
        Should.Throw<InputException>(() => new PaddedCropTransform(Model, padding: -1));
    }

    [Fact]
    public void Padded_crops_shift_and_mirror()
    {
        var pixels = Enumerable.Range(1, 16).Select(i => (byte)i).ToArray();
        var image = new ImageBuffer(4, 4, 1, pixels);
        var transform = new PaddedCropTransform(new() { Size = 4, Mean = [0], Std = [1] }, padding: 1);
        var seen = new HashSet<string>();
        for (var i = 0; i < 500; i++)
        {
            var result = new float[16];
            transform.Apply(image, new SeededRandom(1, i), result);
            seen.Add(string.Join(',', result.Select(v => (int)Math.Round(v * 255))));
        }
        seen.Count.ShouldBe(18);
        seen.ShouldContain("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
        seen.ShouldContain("4,3,2,1,8,7,6,5,12,11,10,9,16,15,14,13");
        seen.ShouldContain("0,0,0,0,0,1,2,3,0,5,6,7,0,9,10,11");
        seen.ShouldContain("0,8,7,6,0,12,11,10,0,16,15,14,0,0,0,0");
    }

    [Fact]
    public void Erasing_leaves_a_rectangle_of_unit_noise()
    {
        var erasing = new RandomErasing { Probability = 1, MinArea = 0.25, MaxArea = 0.25 };
        double sum = 0, squares = 0;
        var erased = 0;
        for (var i = 0; i < 50; i++)
        {
            var image = new float[3 * 32 * 32];
            Array.Fill(image, 100f);
            erasing.Apply(image, 3, 32, 32, new SeededRandom(1, i));
            foreach (var v in image.Where(v => v != 100f))
            {
                erased++;
                sum += v;
                squares += v * v;
            }
        }
        (erased / (50.0 * 3 * 32 * 32)).ShouldBe(0.25, 0.02);
        (sum / erased).ShouldBe(0, 0.03);
        (squares / erased).ShouldBe(1, 0.03);
    }
}
