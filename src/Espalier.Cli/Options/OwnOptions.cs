using System.CommandLine;

namespace Espalier.Cli.Options;

/// <summary>The options one command has to itself, added one by one by the command.</summary>
public sealed class OwnOptions(string title = "Options") : OptionGroup(title)
{
    private const int LargestImage = 16_384;

    /// <summary>An option that must be given.</summary>
    public Option<string> Required(string name, string value, string description, params string[] aliases)
    {
        var option = Add<string>(name, value, description, aliases);
        option.Required = true;
        return option;
    }

    /// <summary>An option that may be left out.</summary>
    public Option<string?> Text(string name, string value, string description, params string[] aliases) => Add<string?>(name, value, description, aliases);

    /// <summary>An option that may be repeated.</summary>
    public Option<string[]> Many(string name, string value, string description) => Add<string[]>(name, value, description);

    /// <summary>A whole number of at least <paramref name="least"/>.</summary>
    public Option<int?> Int(string name, string value, string description, int least = 1, params string[] aliases) =>
        AddNumber(name, value, description, least, null, aliases);

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public Option<int?> Between(string name, string value, string description, int least, int most) => AddNumber(name, value, description, least, most);

    /// <summary>A switch.</summary>
    public Option<bool> Flag(string name, string description) => AddFlag(name, description);

    /// <summary>One of a few words; null when it is left out.</summary>
    public Option<string> Choice(string name, string[] choices, string description) => AddChoice(name, choices, description);

    /// <summary>Another image size than the model's.</summary>
    public Option<int?> ImageSize() => Between("--image-size", "N", "Take images of this size; positions are interpolated.", 1, LargestImage);

    /// <summary>The output folder.</summary>
    public Option<string> Output(string description) => Required("--output", "DIR", description, "-o");
}
