using System.Reflection;
using System.Runtime.CompilerServices;

namespace Espalier.Product.Tests.Api;

/// <summary>The public surface of an assembly as text, one line for each type and member, in an order of its own.</summary>
internal static class ApiText
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // What the compiler adds to every record.
    private static readonly HashSet<string> s_ofRecords =
        ["Equals", "GetHashCode", "ToString", "PrintMembers", "Deconstruct", "<Clone>$", "op_Equality", "op_Inequality", "EqualityContract"];

    public static string Of(Assembly assembly) => string.Concat(assembly.GetExportedTypes().OrderBy(t => t.FullName, StringComparer.Ordinal).Select(Type));

    private static string Type(Type type)
    {
        var heritage = new[] { type.BaseType }.Where(b => b is not null && b != typeof(object) && b != typeof(ValueType) && b != typeof(Enum) && b != typeof(MulticastDelegate))
            .Concat(type.GetInterfaces().Where(i => i.IsPublic && !i.FullName!.StartsWith("System.IEquatable", StringComparison.Ordinal))
                .OrderBy(i => i.FullName, StringComparer.Ordinal)).Select(t => Name(t!)).ToList();
        var head = $"{Kind(type)} {type.Namespace}.{Name(type)}{(heritage.Count > 0 && !type.IsEnum && !typeof(Delegate).IsAssignableFrom(type) ? " : " + string.Join(", ", heritage) : "")}\n";
        var isRecord = type.GetMethod("<Clone>$") is not null || type.GetMethod("PrintMembers", Declared) is not null;
        IEnumerable<string> members = type.IsEnum ? Enum.GetNames(type).Select(n => $"{n} = {Convert.ToInt64(Enum.Parse(type, n))}")
            : typeof(Delegate).IsAssignableFrom(type) ? [Signature(type.GetMethod("Invoke")!)]
            : type.GetMembers(Declared).Where(m => !(isRecord && s_ofRecords.Contains(m.Name))).Select(Member).OfType<string>().Order(StringComparer.Ordinal);
        return head + string.Concat(members.Select(m => $"  {m}\n"));
    }

    private static string Kind(Type type) => type.IsEnum ? "enum" : typeof(Delegate).IsAssignableFrom(type) ? "delegate" : type.IsInterface ? "interface"
        : type.IsValueType ? "struct" : type is { IsAbstract: true, IsSealed: true } ? "static class" : type.IsAbstract ? "abstract class"
        : type.IsSealed ? "sealed class" : "class";

    private static string? Member(MemberInfo member) => member switch
    {
        ConstructorInfo { IsStatic: false } c when Seen(c) => $"new({Parameters(c)})",
        MethodInfo { IsSpecialName: false } m when Seen(m) && !m.Name.Contains('<') => Prefix(m) + Signature(m),
        MethodInfo { IsSpecialName: true } m when Seen(m) && m.Name.StartsWith("op_", StringComparison.Ordinal) => Signature(m),
        PropertyInfo p when p.GetMethod is { } get && Seen(get) => $"{Prefix(get)}{Name(p.PropertyType)} {Index(p)} {{ get;{Setter(p)} }}",
        FieldInfo f when f.IsPublic || f.IsFamily => $"{(f.IsLiteral ? "const " : f.IsStatic ? "static " : "")}{Name(f.FieldType)} {f.Name}",
        EventInfo e => $"event {Name(e.EventHandlerType!)} {e.Name}",
        _ => null,
    };

    private static bool Seen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Prefix(MethodInfo method) => method.IsStatic ? "static " : "";

    private static string Index(PropertyInfo p) => p.GetIndexParameters() is { Length: > 0 } index ? $"this[{string.Join(", ", index.Select(i => Name(i.ParameterType)))}]" : p.Name;

    private static string Setter(PropertyInfo p) => p.SetMethod is not { } set || !Seen(set) ? ""
        : set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? " init;" : " set;";

    private static string Signature(MethodInfo m) =>
        $"{Name(m.ReturnType)} {m.Name}{(m.IsGenericMethod ? $"<{string.Join(", ", m.GetGenericArguments().Select(Name))}>" : "")}({Parameters(m)})";

    private static string Parameters(MethodBase method) =>
        (method.IsDefined(typeof(ExtensionAttribute)) ? "this " : "") + string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo p) =>
        $"{(p.IsOut ? "out " : p.ParameterType.IsByRef ? "ref " : "")}{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? $" = {p.DefaultValue ?? "null"}" : "")}";

    private static string Name(Type type)
    {
        if (type.IsByRef) return Name(type.GetElementType()!);
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (type.IsPointer) return Name(type.GetElementType()!) + "*";
        if (Nullable.GetUnderlyingType(type) is { } value) return Name(value) + "?";
        var own = type.Name.Split('`')[0];
        if (type.IsNested && !type.IsGenericParameter) own = $"{Name(type.DeclaringType!)}.{own}";
        return type.IsGenericType ? $"{own}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : own;
    }
}
