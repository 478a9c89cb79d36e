using Espalier.Models.Data;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Benchmarks;

/// <summary>The same random images in every step; of several processes, each has its share.</summary>
internal sealed class OneBatch : IBatchSource
{
    private readonly int _total;
    private readonly Tensor _pixels, _labels;

    public OneBatch(int images, BatchShare share = default)
    {
        using var scope = new TensorScope();
        TorchRuntime.Seed(1);
        _total = images;
        var places = share.Of(images);
        _pixels = TensorScope.Release(Tensor.RandN([images, 3, 224, 224]).IndexSelect(0, places));
        _labels = TensorScope.Release(Tensor.From<long>(Array.ConvertAll(places, place => (long)place)));
    }

    public int BatchesPerEpoch => 1;

    public TensorBatch Next() => new(_pixels, _labels) { Total = _total };

    public void Seek(long batch)
    {
    }

    public void Dispose()
    {
        _pixels.Dispose();
        _labels.Dispose();
    }
}
