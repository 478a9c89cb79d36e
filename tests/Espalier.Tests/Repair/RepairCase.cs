using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>A small random network with images of noise, and what a repair of it needs.</summary>
internal sealed class RepairCase : IDisposable
{
    public RepairCase(ulong seed, int images = 12)
    {
        Random = new SeededRandom(seed, "repair cases");
        var heads = Random.NextInt(2, 3);
        var net = VitArchitecture.Uniform("repair", imageSize: 2 * Random.NextInt(3, 4), patchSize: 2, channels: 1,
            embedDim: heads * Random.NextInt(heads == 2 ? 8 : 6, heads == 2 ? 12 : 8), depth: Random.NextInt(2, 3), heads, classes: 5,
            mlpHidden: Random.NextInt(24, 40));
        (Teacher, Images) = (TestNets.Model(net, seed), TestNets.Images(images, net.ImageSize, 1, 5, seed));
        Calibration = new Calibration(Images, Teacher);
        Sensitivity = Sensitivity.Measure(Teacher, Images, seed, CancellationToken.None);
    }

    /// <summary>The same around a given network, which it takes over.</summary>
    public RepairCase(VitModel teacher, ulong seed, int images = 12)
    {
        Random = new SeededRandom(seed, "repair cases");
        var net = teacher.Architecture;
        (Teacher, Images) = (teacher, TestNets.Images(images, net.ImageSize, net.Channels, 5, seed));
        Calibration = new Calibration(Images, Teacher);
        Sensitivity = Sensitivity.Measure(Teacher, Images, seed, CancellationToken.None);
    }

    public SeededRandom Random { get; }

    public VitModel Teacher { get; }

    public ImageDataset Images { get; }

    public Calibration Calibration { get; }

    public Sensitivity Sensitivity { get; }

    public VitArchitecture Net => Teacher.Architecture;

    /// <summary>The calibration images, in the current scope.</summary>
    public Tensor Pixels => ImageTensors.Load(Images, Teacher.Preprocessing);

    /// <summary>The teacher with other position embeddings: its tokens differ from the teacher's before block 0 already.</summary>
    public VitModel Damaged()
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var student = Teacher.Clone();
        TorchRuntime.Seed(Random.NextUInt64() >> 1);
        student.Weights["pos_embed"].AddInPlace(Tensor.RandN(student.Weights["pos_embed"].Shape), 0.4);
        return student;
    }

    /// <summary>The teacher's architecture with one block changed.</summary>
    public VitArchitecture With(int block, Func<VitBlock, VitBlock> edit) => With(Net, block, edit);

    public static VitArchitecture With(VitArchitecture net, int block, Func<VitBlock, VitBlock> edit) =>
        net with { Blocks = net.Blocks.SetItem(block, edit(net.Blocks[block])) };

    public VitModel Repaired(VitModel student, VitArchitecture target, RepairOptions options) =>
        new VitRepairPass(Teacher, Calibration, Sensitivity, options).Run(student, target);

    /// <summary>Σ w·‖teacher's tokens − student's‖² over the calibration images, at one point of one block.</summary>
    public double Error(VitModel student, int block, bool afterMlp)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var difference = (Tokens(Teacher) - Tokens(student)).To(DType.Float64);
        var weights = (afterMlp ? Sensitivity.AfterBlock(block) : Sensitivity.AfterAttention(block)).Tokens;
        return (difference * difference * weights.Reshape(1, -1, 1)).Sum().Item();

        Tensor Tokens(VitModel model)
        {
            var half = model.AfterAttention(block, model.Downsample(block, model.Blocks(model.Embed(Pixels), 0, block)));
            return afterMlp ? model.AfterMlp(block, half) : half;
        }
    }

    public void Dispose()
    {
        Teacher.Dispose();
        Calibration.Dispose();
        Sensitivity.Dispose();
    }

    /// <summary>Runs a check on several networks, each in a scope of its own.</summary>
    public static void ForEach(int networks, Action<RepairCase> check)
    {
        for (var seed = 1UL; seed <= (ulong)networks; seed++)
        {
            using var scope = new TensorScope();
            using var test = new RepairCase(seed);
            check(test);
        }
    }
}
