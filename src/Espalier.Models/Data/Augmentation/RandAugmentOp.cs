namespace Espalier.Models.Data;

/// <summary>The fifteen operations of RandAugment (Cubuk et al. 2020) in timm's "increasing" set, in timm's order.</summary>
public enum RandAugmentOp
{
    AutoContrast,
    Equalize,
    Invert,
    Rotate,
    Posterize,
    Solarize,
    SolarizeAdd,
    Color,
    Contrast,
    Brightness,
    Sharpness,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
}
