using Espalier.Benchmarks;
using Espalier.Benchmarks.Fuzzing;
using Espalier.Benchmarks.Kills;
using Espalier.Benchmarks.Ofb;

// worker: one side of a comparison, spoken to through pipes.
// few-shot IMAGES [pairs]: steps of few-shot finetunes and rankings against the published way to take them, image loading against torchvision.
// finetune-ways MODEL IMAGES [steps] [words of a row]: how near equally many steps bring a network, the published way and the faster ones.
// gemm [repetitions]: the share of the measured bf16 peak that a ViT-B training step reaches.
// step-memory [batch]: peak memory of a finetune's step next to PyTorch's.
// processes [pairs]: two processes against one; rounding [model] [threads]: what round widths are worth.
// ofb: rows of the OFB table, see benchmarks/ofb-table.sh.
// kills: see benchmarks/kills.sh.
// fuzz: hostile inputs, see benchmarks/fuzz.sh.
// memory [steps]: resident memory over a training and a compression.
// train-step [pairs] [words a row must contain]: measures and prints the table; the results are kept when no row was left out.
const int Batch = 16;
switch (args)
{
    case [.., "--help"]:
        goto default;
    case ["worker", .. var rest]:
        Worker.Serve(Console.In, Console.Out, rest.FirstOrDefault());
        return 0;
    case ["train-step", .. var rest]:
        TrainStep(rest.Length > 0 ? int.Parse(rest[0]) : 9, rest.Skip(1).ToArray());
        return 0;
    case ["few-shot", var images, .. var rest]:
        FewShot(images, rest.Length > 0 ? int.Parse(rest[0]) : 9);
        return 0;
    case ["finetune-ways", var model, var images, .. var rest]:
        FinetuneWays.Compare(model, images, rest.Length > 0 ? long.Parse(rest[0]) : 200, rest.Length > 1 ? rest[1] : "");
        return 0;
    case ["gemm", .. var rest]:
        GemmShare.Measure(rest.Length > 0 ? int.Parse(rest[0]) : 5);
        return 0;
    case ["step-memory", .. var rest]:
        StepMemory(rest.Length > 0 ? int.Parse(rest[0]) : 64);
        return 0;
    case ["processes-worker"]:
        Processes.Serve(Console.In, Console.Out);
        return 0;
    case ["processes", .. var rest]:
        Processes.Compare(rest.Length > 0 ? int.Parse(rest[0]) : 9);
        return 0;
    case ["rounding", .. var rest]:
        Rounding.Compare(rest.Length > 0 ? rest[0] : "vit_tiny_patch16_224", rest.Length > 1 ? int.Parse(rest[1]) : 1, 1, 64);
        return 0;
    case ["kills", var folder, var program, var count, var minutes]:
        return new KillCampaign(folder, program).Run(int.Parse(count), TimeSpan.FromMinutes(double.Parse(minutes))) ? 0 : 1;
    case ["fuzz", var folder, .. var rest]:
        return FuzzCampaign.Run(folder, rest.Length > 0 ? rest[0] : "all", rest.Length > 1 ? long.Parse(rest[1]) : 1000) ? 0 : 1;
    case ["memory", .. var rest]:
        return ResidentMemory.Run(rest.Length > 0 ? long.Parse(rest[0]) : 500) ? 0 : 1;
    case ["ofb", "table", "--out", var folder]:
        OfbTable.Print(folder);
        return 0;
    case ["ofb", var arm, .. var rest]:
        OfbTable.Row(arm, new OfbSetting(rest));
        return 0;
    default:
        Console.Error.WriteLine("usage: benchmarks/run.sh train-step [pairs] [words a row must contain, such as: backward fp32]");
        Console.Error.WriteLine("       benchmarks/run.sh few-shot IMAGES [pairs]");
        Console.Error.WriteLine("       benchmarks/run.sh finetune-ways MODEL IMAGES [steps] [words of a row]");
        Console.Error.WriteLine("       benchmarks/run.sh gemm [repetitions]");
        Console.Error.WriteLine("       benchmarks/run.sh step-memory [batch]");
        Console.Error.WriteLine("       benchmarks/run.sh processes [pairs]");
        Console.Error.WriteLine("       benchmarks/run.sh rounding [timm name] [threads]");
        Console.Error.WriteLine("       benchmarks/run.sh ofb ARM --out DIR [--seed N] [--keep 0.5] [--images N] [--epochs E] | ofb table --out DIR");
        Console.Error.WriteLine("       benchmarks/run.sh memory [steps]");
        Console.Error.WriteLine("       benchmarks/fuzz.sh OUT [PARSER|parsers|images|all] [COUNT]");
        return 2;
}

static void TrainStep(int pairs, string[] only)
{
    var machine = Machine.Describe();
    var works = Workload.All(Batch).Where(w => only.All(w.ToString().Split(' ').Contains)).ToList();
    var report = new Report(machine, Compare(works, pairs), only.Length == 0 ? Memory(new Workload("step", "fp32", 1, Batch)) : null);
    Console.WriteLine(report.Table());
    if (only.Length == 0) report.Write(Path.Combine(Root(), "docs", "results"));
}

static void FewShot(string images, int pairs)
{
    var machine = Machine.Describe();
    Console.WriteLine(new Report(machine, Compare([.. Workload.FewShot()], pairs, images), null).Table());
    foreach (var (name, value) in machine) Console.WriteLine($"- {name}: {value}");
}

static void StepMemory(int batch)
{
    foreach (var precision in new[] { "fp32", "bf16" })
        Console.WriteLine(new Report([], [], Memory(new Workload("mimic", precision, 2, batch))).Table());
}

static List<Comparison> Compare(List<Workload> works, int pairs, params string[] images)
{
    using Side espalier = Side.Espalier(images), pytorch = Side.PyTorch(Root(), images);
    List<Comparison> rows = [];
    foreach (var work in works)
    {
        Console.Error.WriteLine($"measuring {work}");
        rows.Add(Comparison.Run(work, espalier, pytorch, pairs));
    }
    return rows;
}

static (Workload, double, double) Memory(Workload work)
{
    return (work, Peak(Side.Espalier()), Peak(Side.PyTorch(Root())));

    double Peak(Side side)
    {
        using (side)
        {
            side.Run(work, 3);
            return side.PeakMemory();
        }
    }
}

static string Root() => Environment.GetEnvironmentVariable("ESPALIER_HOME") ?? ".";
