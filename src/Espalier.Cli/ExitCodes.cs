namespace Espalier.Cli;

/// <summary>The exit codes scripts rely on.</summary>
public static class ExitCodes
{
    public const int Ok = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int Input = 3;
    public const int Budget = 4;
    public const int Verification = 5;
    public const int Cancelled = 130;

    /// <summary>The code an error ends the process with.</summary>
    public static int Of(Exception error) => error switch
    {
        UsageException => Usage,
        InputException => Input,
        BudgetException => Budget,
        VerificationException => Verification,
        OperationCanceledException => Cancelled,
        _ => Failure,
    };
}
