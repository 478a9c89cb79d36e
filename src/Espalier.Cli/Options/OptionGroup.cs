using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace Espalier.Cli.Options;

/// <summary>Options that belong together: one heading in the help, one record when read.</summary>
public abstract class OptionGroup(string title)
{
    private readonly List<Option> _options = [];

    public string Title { get; } = title;

    public IReadOnlyList<Option> Options => _options;

    /// <summary>Puts the options on a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in _options) command.Add(option);
    }

    /// <summary>Makes an option of this group.</summary>
    protected Option<T> Add<T>(string name, string value, string description, params string[] aliases)
    {
        var option = new Option<T>(name, aliases) { HelpName = value, Description = description };
        _options.Add(option);
        return option;
    }

    /// <summary>Makes a switch of this group.</summary>
    protected Option<bool> AddFlag(string name, string description, params string[] aliases) => Add<bool>(name, "", description, aliases);

    /// <summary>Makes an option that takes one of a few words.</summary>
    protected Option<string> AddChoice(string name, string[] choices, string description)
    {
        var option = Add<string>(name, string.Join('|', choices), description);
        option.Validators.Add(result =>
        {
            var given = result.Tokens.Count > 0 ? result.Tokens[^1].Value : null;
            if (given is not null && !choices.Contains(given)) result.AddError($"{name} {given}: must be one of {string.Join(", ", choices)}.");
        });
        return option;
    }

    /// <summary>Makes an option that takes a number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    /// <param name="name">The option.</param>
    /// <param name="value">What the help calls its value.</param>
    /// <param name="description">What it means.</param>
    /// <param name="least">The smallest number.</param>
    /// <param name="most">The largest; by default one that can still be reckoned with, far above what any machine could do.</param>
    /// <param name="aliases">Other names.</param>
    protected Option<T?> AddNumber<T>(string name, string value, string description, T least, T? most = null, params string[] aliases)
        where T : struct, INumber<T>
    {
        var option = Add<T?>(name, value, description, aliases);
        var limit = most ?? T.CreateSaturating(typeof(T) == typeof(int) ? 1e9 : typeof(T) == typeof(long) ? 1e12 : double.MaxValue);
        option.CustomParser = result =>
        {
            var text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
            var kind = typeof(T) == typeof(double) ? "a number" : "a whole number";
            if (!T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !T.IsFinite(number) || number < least)
                result.AddError($"{name} {text}: must be {kind} of at least {least}.");
            else if (number > limit) result.AddError($"{name} {text}: must be {kind} of at most {limit}.");
            else return number;
            return null;
        };
        return option;
    }
}
