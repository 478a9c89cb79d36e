using System.Globalization;
using Espalier.Testing;
using Espalier.Torch.Optim;

namespace Espalier.Torch.Tests.Optim;

public class OptimizerTests : TorchTest
{
    [SkippableTheory]
    [InlineData("sgd", 0, false)]
    [InlineData("plain-sgd", 0.5, false)]
    [InlineData("adam", 0, false)]
    [InlineData("adamw", 0, false)]
    [InlineData("adamw", 1, false)]
    [InlineData("adamw", 0, true)]
    public void Training_follows_PyTorch_step_by_step(string name, double clip, bool bf16)
    {
        const int Steps = 40;
        string[] arguments = [name, $"{Steps}", clip.ToString(CultureInfo.InvariantCulture), bf16 ? "bf16" : "fp32"];
        var expected = PythonOracle.Run(TinyVit.Python, ["torch"], arguments).Trim().Split('\n')
            .Select(line => line.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray()).ToList();
        using var net = new TinyVit();
        using var optimizer = Make(name, net.Parameters);
        for (var step = 0; step < Steps; step++)
        {
            var (loss, norm) = net.Step(optimizer, clip, bf16);
            loss.ShouldBe(expected[step][0], 1e-6 * expected[step][0], $"loss of step {step}");
            if (clip > 0) norm.ShouldBe(expected[step][1], 1e-6 * expected[step][1], $"norm of step {step}");
        }
        expected[^1][0].ShouldBeLessThan(expected[0][0]);
        optimizer.Steps.ShouldBe(Steps);
    }

    [Theory]
    [InlineData("sgd")]
    [InlineData("adam")]
    [InlineData("adamw")]
    [InlineData("muon")]
    public void A_restored_optimizer_continues_bit_by_bit(string name)
    {
        using var net = new TinyVit();
        using var first = Make(name, net.Parameters);
        for (var k = 0; k < 5; k++) net.Step(first);
        var weights = net.Parameters.Select(p => p.ToBytes()).ToList();
        var state = first.State.Select(s => s.Clone()).ToList();
        var steps = first.Steps;
        var straight = Enumerable.Range(0, 5).Select(_ => net.Step(first).Loss).ToList();

        using (new NoGrad())
            for (var k = 0; k < weights.Count; k++)
                net.Parameters[k].CopyFrom(Tensor.FromBytes(weights[k], DType.Float32, net.Parameters[k].Shape));
        using var second = Make(name, net.Parameters);
        second.Restore(state, steps);
        Enumerable.Range(0, 5).Select(_ => net.Step(second).Loss).ShouldBe(straight);
        second.Steps.ShouldBe(first.Steps);
    }

    [Fact]
    public void Hundreds_of_steps_hold_the_same_number_of_tensors()
    {
        using var net = new TinyVit();
        using var optimizer = new AdamW(net.Parameters, 1e-3);
        net.Step(optimizer);
        var after = Tensor.LiveCount;
        for (var k = 0; k < 300; k++)
        {
            net.Step(optimizer, clip: 1, bf16: k % 2 == 0);
            Tensor.LiveCount.ShouldBe(after);
        }
    }

    [Fact]
    public void A_parameter_without_gradient_is_named_and_nothing_leaks()
    {
        var (a, b) = (Vector(1), Range(2, 3));
        a.RequiresGrad = b.RequiresGrad = true;
        using var optimizer = new Sgd([a, b], 0.1);
        a.Sum().Backward();
        var before = Tensor.LiveCount;
        Should.Throw<InvalidOperationException>(optimizer.Step).Message.ShouldBe("Parameter 1 (Float32[2, 3]) has no gradient.");
        Tensor.LiveCount.ShouldBe(before);
        optimizer.Steps.ShouldBe(0);
    }

    [Fact]
    public void A_step_clears_the_gradients()
    {
        var a = Vector(1);
        a.RequiresGrad = true;
        using var optimizer = new Sgd([a], 0.5);
        (a * 2).Sum().Backward();
        optimizer.Step();
        a.Grad.ShouldBeNull();
        a.Detach().Item().ShouldBe(0);
        a.RequiresGrad.ShouldBeTrue();
    }

    [Fact]
    public void Gradients_are_scaled_only_above_the_limit()
    {
        var (a, b) = (Vector(0), Vector(0));
        a.RequiresGrad = b.RequiresGrad = true;
        using var optimizer = new Sgd([a, b], 1);
        (a * 3 + b * 4).Sum().Backward();
        optimizer.ClipGradients(10).ShouldBe(5);
        a.Grad!.Item().ShouldBe(3);
        optimizer.ClipGradients(1).ShouldBe(5);
        a.Grad!.Item().ShouldBe(0.6, 1e-6);
        b.Grad!.Item().ShouldBe(0.8, 1e-6);
    }

    [Fact]
    public void A_state_that_does_not_fit_is_refused()
    {
        var a = Range(2, 3);
        using var optimizer = new Adam([a], 0.1);
        optimizer.State.Count.ShouldBe(2);
        Should.Throw<ArgumentException>(() => optimizer.Restore([Range(2, 3)], 1)).Message
            .ShouldBe("The optimizer has 2 state tensors, the checkpoint 1.");
        Should.Throw<ArgumentException>(() => optimizer.Restore([Range(2, 3), Range(3)], 1)).Message
            .ShouldBe("State tensor 1 is Float32[2, 3], the checkpoint's is Float32[3].");
        Should.Throw<ArgumentException>(() => new Sgd([], 0.1));
    }

    private static Optimizer Make(string name, Tensor[] parameters) => name switch
    {
        "sgd" => new Sgd(parameters, 0.05, momentum: 0.9, weightDecay: 0.01),
        "plain-sgd" => new Sgd(parameters, 0.05),
        "muon" => new Muon(parameters, 3e-3, new AdamOptions { WeightDecay = 0.1 }),
        "adam" => new Adam(parameters, 3e-3, new AdamOptions { WeightDecay = 0.01 }),
        _ => new AdamW(parameters, 3e-3, new AdamOptions { Beta1 = 0.8, Beta2 = 0.95, Eps = 1e-6, WeightDecay = 0.1 }),
    };
}
