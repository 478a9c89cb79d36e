using System.Globalization;
using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class RandAugmentTests
{
    public static TheoryData<string> Cases => [.. Golden.Names.Where(n => (n.StartsWith("RGB/") || n.StartsWith("L/")) && !n.EndsWith("/input"))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_operation_equals_that_of_Pillow(string name)
    {
        var parts = name.Split('/');
        var image = ImageReader.Read(Golden.Fixture("augment.png"), parts[0] == "L" ? 1 : 3);
        if (parts[1] == "AutoContrast") image = Golden.Get(name + "/input");
        var augment = new RandAugment { Fill = parts[0] == "L" ? [116] : [124, 116, 104] };
        var op = Enum.Parse<RandAugmentOp>(parts[1].Replace("Bilinear", ""));
        if (parts[1].EndsWith("Bilinear")) augment = augment with { Interpolation = Interpolation.Bilinear };
        using var canvas = new Canvas(image);
        augment.Apply(canvas, op, parts.Length > 2 ? double.Parse(parts[2], CultureInfo.InvariantCulture) : 0);
        canvas.ToImage().ShouldMatch(Golden.Get(name));
    }

    [Theory]
    [InlineData(RandAugmentOp.Rotate, 27, -27)]
    [InlineData(RandAugmentOp.ShearX, 0.27, -0.27)]
    [InlineData(RandAugmentOp.ShearY, 0.27, -0.27)]
    [InlineData(RandAugmentOp.TranslateX, 0.405, -0.405)]
    [InlineData(RandAugmentOp.TranslateY, 0.405, -0.405)]
    [InlineData(RandAugmentOp.Color, 1.81, 0.19)]
    [InlineData(RandAugmentOp.Sharpness, 1.81, 0.19)]
    [InlineData(RandAugmentOp.Posterize, 1, 1)]
    [InlineData(RandAugmentOp.Solarize, 26, 26)]
    [InlineData(RandAugmentOp.SolarizeAdd, 99, 99)]
    public void Arguments_at_nine_tenths(RandAugmentOp op, double plus, double minus)
    {
        RandAugment.Argument(op, 0.9, negate: false).ShouldBe(plus, 1e-12);
        RandAugment.Argument(op, 0.9, negate: true).ShouldBe(minus, 1e-12);
    }

    [Fact]
    public void Arguments_at_the_ends()
    {
        RandAugment.Argument(RandAugmentOp.Contrast, 1, negate: true).ShouldBe(0.1);
        RandAugment.Argument(RandAugmentOp.Posterize, 1, negate: false).ShouldBe(0);
        RandAugment.Argument(RandAugmentOp.Solarize, 0, negate: false).ShouldBe(256);
        RandAugment.FillOf([0.485, 0.456, 0.406]).ShouldBe([124, 116, 104]);
        RandAugment.FillOf([0.5]).ShouldBe([128]);
    }

    [Fact]
    public void A_quarter_of_the_images_stays_as_it_is()
    {
        var image = ImageReader.Read(Golden.Fixture("augment.png"));
        var untouched = 0;
        for (var i = 0; i < 400; i++)
        {
            using var canvas = new Canvas(image);
            new RandAugment().Apply(canvas, new SeededRandom(1, i));
            if (canvas.Pixels.SequenceEqual(image.Pixels)) untouched++;
        }
        untouched.ShouldBeInRange(70, 140); // both layers skipped: 100 expected, deviation 9; some operations change nothing
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 7)]
    [InlineData(2, 2)]
    public void Tiny_images_survive_every_operation(int width, int height)
    {
        for (var channels = 1; channels <= 3; channels += 2)
            foreach (var op in Enum.GetValues<RandAugmentOp>())
            {
                using var canvas = new Canvas(new ImageBuffer(width, height, channels, new byte[width * height * channels]));
                var augment = new RandAugment { Fill = channels == 1 ? [9] : [9, 9, 9] };
                augment.Apply(canvas, op, RandAugment.Argument(op, 0.9, negate: true));
            }
    }
}
