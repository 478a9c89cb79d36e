namespace Espalier.Models.Data;

/// <summary>
/// The part of every batch that one of several processes takes. An image and the one it is mixed with, its mirror in the batch, always go together,
/// so that reversing a part mixes as reversing the batch does.
/// </summary>
/// <param name="Part">From 0.</param>
/// <param name="Parts">How many processes there are; 0 and 1 mean that one takes all.</param>
public readonly record struct BatchShare(int Part, int Parts)
{
    /// <summary>Places in a batch of so many images, ascending; none when there are fewer pairs than parts.</summary>
    public int[] Of(int count)
    {
        if (Parts <= 1) return [.. Enumerable.Range(0, count)];
        var pairs = (count + 1) / 2;
        var (from, to) = (pairs * Part / Parts, pairs * (Part + 1) / Parts);
        return [.. Enumerable.Range(from, to - from), .. Enumerable.Range(count - to, to - from).Where(place => place >= to)];
    }
}
