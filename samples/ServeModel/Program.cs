// A compressed model behind HTTP: ServeModel --model runs/small --urls http://localhost:5000
// curl --data-binary @photo.jpg http://localhost:5000/classify
using Espalier;
using Espalier.Compute;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton(_ => new Classifier(
    EspalierModel.Open(builder.Configuration["model"] ?? "fashion-vit"), new ComputeOptions { Threads = 1 }));

var app = builder.Build();
app.Services.GetRequiredService<Classifier>(); // load before the first request, and fail here if it cannot

app.MapGet("/health", () => "ok");
app.MapPost("/classify", async (HttpRequest request, Classifier classifier, CancellationToken cancellation) =>
{
    using var bytes = new MemoryStream();
    await request.Body.CopyToAsync(bytes, cancellation);
    try
    {
        return Results.Ok(classifier.Classify(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)));
    }
    catch (InputException error)
    {
        return Results.Problem(error.Message, statusCode: StatusCodes.Status415UnsupportedMediaType);
    }
});
app.Run();
