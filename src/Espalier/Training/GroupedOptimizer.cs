using Espalier.Torch;
using Espalier.Torch.Optim;

namespace Espalier.Training;

/// <summary>One optimizer per group of parameters, stepped together; groups may be exchanged between steps.</summary>
internal sealed class GroupedOptimizer(TrainingOptions options, IReadOnlyList<ParameterGroup> groups) : IDisposable
{
    private List<(ParameterGroup Group, Optimizer Optimizer)> _parts = Create(options, groups);

    /// <summary>All state tensors, group by group.</summary>
    public IReadOnlyList<Tensor> State => [.. _parts.SelectMany(p => p.Optimizer.State)];

    /// <summary>Steps that each group took: fewer than the loop's for one that came later or started afresh.</summary>
    public IReadOnlyList<long> Steps => [.. _parts.Select(p => p.Optimizer.Steps)];

    /// <summary>Updates all groups by the rates of step <paramref name="step"/>, counted from 0.</summary>
    public void Step(long step)
    {
        foreach (var (group, optimizer) in _parts)
        {
            optimizer.LearningRate = group.Scale * (group.LearningRate ?? options.LearningRate).At(step, options.Steps);
            optimizer.Step();
        }
    }

    public void ClipGradients(double norm) => Optimizer.Clip([.. _parts.Select(p => p.Optimizer)], norm);

    /// <summary>Puts a checkpoint's <see cref="State"/> and <see cref="Steps"/> back.</summary>
    public void Restore(IReadOnlyList<Tensor> state, IReadOnlyList<long> steps)
    {
        var at = 0;
        for (var k = 0; k < _parts.Count; k++)
        {
            var optimizer = _parts[k].Optimizer;
            optimizer.Restore([.. state.Skip(at).Take(optimizer.State.Count)], steps[k]);
            at += optimizer.State.Count;
        }
    }

    /// <summary>Goes on with other groups. A group none of whose tensors was carried over starts at step 0.</summary>
    public void Reshape(IReadOnlyList<ParameterGroup> changed, StateCarry carry)
    {
        if (options.Optimizer == OptimizerKind.Muon) throw new NotSupportedException("Muon keeps states of several kinds; a task that reshapes its parameters needs another optimizer.");
        var old = _parts;
        var origins = old.SelectMany(part => part.Group.Tensors.Select((t, k) => (t.Key, part.Optimizer, k, part.Group.Tensors.Count)))
            .ToDictionary(o => o.Key, o => (o.Optimizer, Index: o.k, o.Count));
        _parts = Create(options, changed);
        foreach (var (group, optimizer) in _parts)
        {
            using var scope = new TensorScope();
            var own = optimizer.State;
            var (states, steps) = (own.ToArray(), 0L);
            for (var k = 0; k < states.Length; k++)
            {
                var (moment, name) = (k / group.Tensors.Count, group.Tensors[k % group.Tensors.Count].Key);
                if (!origins.TryGetValue(name, out var origin)) continue;
                if (carry(name, origin.Optimizer.State[moment * origin.Count + origin.Index]) is not { } state) continue;
                (states[k], steps) = (state, origin.Optimizer.Steps);
            }
            optimizer.Restore(states, steps);
        }
        foreach (var (_, optimizer) in old) optimizer.Dispose();
    }

    public void Dispose()
    {
        foreach (var (_, optimizer) in _parts) optimizer.Dispose();
    }

    private static List<(ParameterGroup, Optimizer)> Create(TrainingOptions options, IReadOnlyList<ParameterGroup> groups) =>
        [.. groups.Where(g => g.Tensors.Count > 0).Select(g => (g, options.CreateOptimizer([.. g.Tensors.Select(t => t.Value)], g.Adam)))];
}
