using Espalier.Cli.Commands;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class DemoTests
{
    private static readonly string Bundled = Path.Combine(SharedData.Root, "models", "fashion-vit", "images");

    [Fact]
    public void The_demo_is_a_command_line_a_user_could_type()
    {
        var arguments = DemoHandler.Arguments("models/fashion-vit/images", ["--threads", "2", "--force", "--json"]);

        var compress = new CompressCommand();
        var parsed = compress.Parse(arguments.Skip(1).ToList());
        parsed.Errors.ShouldBeEmpty();
        var (options, common) = (compress.Read(parsed), compress.Common.Read(parsed));

        CommandLineText.Of(arguments).ShouldStartWith("espalier compress fashion-vit --keep-macs 0.75 --images models/fashion-vit/images/unlabelled -n 100");
        (options.Model, options.Count, options.Output).ShouldBe(("fashion-vit", 100, "runs/demo"));
        options.Effort.Time!.Value.ShouldBeLessThanOrEqualTo(TimeSpan.FromMinutes(4), "the demo, evaluation included, takes five at most");
        (common.Force, common.Json, common.Threads).ShouldBe((true, true, 2));
    }

    [Fact]
    public void A_hundred_unlabelled_and_a_thousand_labelled_images_are_bundled()
    {
        var unlabelled = ImageDataset.Open(Path.Combine(Bundled, "unlabelled"));
        var test = ImageDataset.Open(Path.Combine(Bundled, "test"), LabelPolicy.Required);

        (unlabelled.Count, unlabelled.HasLabels).ShouldBe((100, false));
        test.Items.GroupBy(i => i.Label).Select(g => (g.Key, g.Count())).ShouldBe(Enumerable.Range(0, 10).Select(c => ((int?)c, 100)), ignoreOrder: true);
        foreach (var item in unlabelled.Items.Concat(test.Items)) (item.Load(1) is { Width: 28, Height: 28 }).ShouldBeTrue(item.Id);
    }

    [SkippableFact]
    public void The_bundled_images_are_those_of_the_data_set()
    {
        Skip.IfNot(Directory.Exists(FashionMnist.DefaultFolder), "needs the Debian package dataset-fashion-mnist");
        foreach (var (folder, part) in new[] { ("unlabelled", "train"), ("test", "test") })
        {
            var all = FashionMnist.Open(part);
            foreach (var item in ImageDataset.Open(Path.Combine(Bundled, folder)).Items)
            {
                var original = all.Items[int.Parse(Path.GetFileNameWithoutExtension(item.Id))];
                item.Load(1).Pixels.ShouldBe(original.Load(1).Pixels, item.Id);
                if (item.Label is { } label) label.ShouldBe(original.Label!.Value, item.Id);
            }
        }
    }
}
