using System.Globalization;
using System.Reflection;
using Espalier.Models.Formats;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Product.Tests.Api;

/// <summary>What users can call changes on purpose: <c>PublicApi.txt</c> beside each project says it all; <c>eng/public-api.sh</c> writes it anew.</summary>
public sealed class PublicApiTests
{
    public static TheoryData<string> Libraries => ["Espalier.Torch", "Espalier.Models", "Espalier"];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void The_public_surface_is_the_one_on_record(string library)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var file = Path.Combine(SharedData.Root, "src", library, "PublicApi.txt");
        var text = ApiText.Of(Load(library));
        if (Environment.GetEnvironmentVariable("ESPALIER_WRITE_API") == "1") File.WriteAllText(file, text);

        var recorded = File.Exists(file) ? File.ReadAllText(file).Split('\n') : [];

        text.Split('\n').Except(recorded).ShouldBeEmpty("new; if that is meant: eng/public-api.sh");
        recorded.Except(text.Split('\n')).ShouldBeEmpty("gone; if that is meant: eng/public-api.sh");
        text.ShouldBe(string.Join('\n', recorded), "the order; eng/public-api.sh");
    }

    internal static Assembly Load(string library) => library switch
    {
        "Espalier.Torch" => typeof(Tensor).Assembly,
        "Espalier.Models" => typeof(ModelSource).Assembly,
        _ => typeof(EspalierModel).Assembly,
    };
}
