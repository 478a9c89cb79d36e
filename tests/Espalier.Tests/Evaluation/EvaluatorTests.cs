using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Tests.Evaluation;

public class EvaluatorTests : TorchTest
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 2)]
    [InlineData(50, 1)]
    public void Accuracies_are_those_of_a_count_by_hand(int batch, int threads)
    {
        using var model = TestNets.Tiny(1);
        var images = TestNets.Images(23, 40, 3, 10, 4);
        var (top1, top5) = (0, 0);
        foreach (var (item, logits) in images.Items.Zip(Logits(model, images)))
        {
            var better = logits.Count(v => v > logits[item.Label!.Value]);
            if (better == 0) top1++;
            if (better < 5) top5++;
        }
        (top1, top5).ShouldSatisfyAllConditions(() => top1.ShouldBeInRange(1, 20), () => top5.ShouldBeInRange(top1 + 1, 22));

        var progress = new List<(int, int)>();
        var evaluator = new Evaluator(new ManualTime()) { BatchSize = batch, LoaderThreads = threads, OnProgress = (done, of) => progress.Add((done, of)) };
        evaluator.Score(model, images).ShouldBe(new EvaluationResult(top1 / 23.0, top5 / 23.0, 23, 0));
        progress[^1].ShouldBe((23, 23));
        progress.Count.ShouldBe((23 + batch - 1) / batch);
    }

    [Fact]
    public void With_five_classes_or_fewer_every_label_is_among_the_top_five()
    {
        using var model = TestNets.Model(TestNets.TinyNet with { Classes = 3 }, 1);
        new Evaluator(new ManualTime()).Score(model, TestNets.Images(7, 32, 3, 3, 4)).Top5.ShouldBe(1);
    }

    [Fact]
    public void Matrix_products_in_bf16_hardly_change_the_logits()
    {
        using var model = TestNets.Tiny(1);
        var images = TestNets.Images(6, 32, 3, 10, 4);
        var half = new List<float>();
        new Evaluator(new ManualTime()) { Bf16 = true }.ForEachBatch(model, images, (logits, _) => half.AddRange(logits.ToArray<float>()));
        var full = Logits(model, images).SelectMany(row => row).ToArray();
        half.Zip(full, (a, b) => Math.Abs(a - b)).Max().ShouldBeInRange(1e-5f, 0.1f);
    }

    [Fact]
    public void Labels_the_model_does_not_know_are_refused()
    {
        using var model = TestNets.Tiny(1);
        Should.Throw<InputException>(() => new Evaluator(new ManualTime()).Score(model, TestNets.Images(3, 32, 3, 12, 1))).Message.ShouldBe(
            "noise has labels up to 11 but the model knows 10 classes; evaluate on data of the model's classes, or finetune it on these first.");
    }

    [Fact]
    public void A_list_of_class_names_must_be_as_long_as_the_models()
    {
        using var model = TestNets.Tiny(1);
        var images = TestNets.Images(3, 32, 3, 2, 1);
        Should.Throw<InputException>(() => new Evaluator(new ManualTime()).Score(model, new ImageDataset("cats", images.Items, ["cat", "dog"]))).Message
            .ShouldStartWith("cats has 2 classes but the model knows 10 classes;");
        new Evaluator(new ManualTime()).Score(model, images).Count.ShouldBe(3);
    }

    [Fact]
    public void Images_without_labels_cannot_be_scored_but_predicted()
    {
        using var model = TestNets.Tiny(1);
        var images = new ImageDataset("bare", [.. TestNets.Images(3, 32, 3, 10, 1).Items.Select(i => i with { Label = null })]);
        Should.Throw<InputException>(() => new Evaluator(new ManualTime()).Score(model, images)).Message.ShouldStartWith("bare: the images have no labels.");
        var count = 0;
        new Evaluator(new ManualTime()).Predict(model, images, (_, _) => count++);
        count.ShouldBe(3);
    }

    [Fact]
    public void Predictions_are_the_five_likeliest_classes_with_their_probabilities()
    {
        using var model = TestNets.Tiny(1);
        var images = TestNets.Images(9, 32, 3, 10, 4);
        var seen = new List<string>();
        var rows = Logits(model, images).ToList();
        new Evaluator(new ManualTime()) { BatchSize = 4 }.Predict(model, images, (item, classes) =>
        {
            var logits = rows[seen.Count];
            var sum = logits.Sum(v => Math.Exp(v));
            classes.Select(c => c.Class).ShouldBe(Enumerable.Range(0, 10).OrderByDescending(c => logits[c]).Take(5));
            foreach (var (label, probability) in classes) probability.ShouldBe(Math.Exp(logits[label]) / sum, 1e-5);
            seen.Add(item.Id);
        });
        seen.ShouldBe(images.Items.Select(i => i.Id));
    }

    /// <summary>The logits of each image, computed one at a time.</summary>
    private static IEnumerable<float[]> Logits(VitModel model, ImageDataset images)
    {
        var pixels = ImageTensors.Load(images, model.Preprocessing);
        for (var i = 0; i < images.Count; i++) yield return model.Answer(pixels.Narrow(0, i, 1)).ToArray<float>();
    }
}
