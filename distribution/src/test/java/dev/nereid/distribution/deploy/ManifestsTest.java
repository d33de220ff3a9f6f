package dev.nereid.distribution.deploy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.cli.CommandLine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** Every document has the fields that clusters know, and what it tells the server is what the server takes. */
class ManifestsTest {
    private static final Path DEPLOY = Path.of("..", "deploy");
    private static final String CHART = DEPLOY.resolve("helm").resolve("nereid").toString();
    private static final int MARGIN_SECONDS = 5;

    /** Values with which the chart is rendered: everything that it can do, at least once. */
    static Stream<String> values() {
        return Stream.of("",
                "models.volume.persistentVolumeClaim.claimName=models auth.secret=tokens tls.secret=certificate "
                        + "serviceMonitor.enabled=true autoscaling.type=keda",
                "tls.secret=certificate tls.clientAuthorityKey=ca.crt autoscaling.type=hpa "
                        + "disruptionBudget.enabled=false serviceAccount.name=mine",
                "models.repository=s3://bucket/models models.controlMode=explicit models.load={*} "
                        + "flags={--max-queue-size=16,--log-verbose=1} javaOptions=-Xmx1g env[0].name=AWS_REGION "
                        + "env[0].value=eu-1 envFrom[0].secretRef.name=aws exitGraceSeconds=20 nodeSelector.disk=ssd "
                        + "tmp.medium=Memory tmp.sizeLimit=1Gi tolerations[0].operator=Exists podAnnotations.a=b "
                        + "image.pullSecrets[0].name=registry topologySpreadConstraints[0].maxSkew=1 "
                        + "topologySpreadConstraints[0].topologyKey=zone "
                        + "topologySpreadConstraints[0].whenUnsatisfiable=ScheduleAnyway");
    }

    /** Part of a document by the names of fields and the places in lists. */
    private static Object at(Object document, Object... path) {
        Object value = document;
        for (Object step : path) {
            value = step instanceof Integer place ? ((List<?>) value).get(place) : ((Map<?, ?>) value).get(step);
            if (value == null) {
                throw new AssertionError("no " + step + " of " + Arrays.toString(path) + " in " + document);
            }
        }
        return value;
    }

    private static List<Map<?, ?>> documents(String yaml) {
        List<Map<?, ?>> documents = new ArrayList<>();
        for (Object document : new Yaml(new SafeConstructor(new LoaderOptions())).loadAll(yaml)) {
            if (document != null) {
                documents.add((Map<?, ?>) document);
            }
        }
        return documents;
    }

    private static void check(List<Map<?, ?>> documents) throws IOException {
        DocumentTypes types = DocumentTypes.read();
        for (Map<?, ?> document : documents) {
            assertEquals(List.of(), types.mistakes(document));
            switch (String.valueOf(document.get("kind"))) {
                case "Deployment" -> checkDeployment(document);
                case "Service" -> assertFalse(((Map<?, ?>) at(document, "spec", "selector")).isEmpty());
                case "PodDisruptionBudget" ->
                    assertFalse(((Map<?, ?>) at(document, "spec", "selector", "matchLabels")).isEmpty());
                case "ClusterServingRuntime" -> {
                    assertEquals("kserve-container", at(document, "spec", "containers", 0, "name"));
                    checkFlags(arguments(at(document, "spec", "containers", 0)));
                }
                default -> {
                }
            }
        }
    }

    private static void checkDeployment(Map<?, ?> document) {
        Object pod = at(document, "spec", "template", "spec");
        Object container = at(pod, "containers", 0);
        List<String> arguments = arguments(container);
        checkFlags(arguments);
        assertEquals(seconds(arguments, "--exit-grace-secs=") + seconds(arguments, "--exit-timeout-secs=")
                + MARGIN_SECONDS, at(pod, "terminationGracePeriodSeconds"));
        Map<?, ?> labels = (Map<?, ?>) at(document, "spec", "template", "metadata", "labels");
        assertTrue(labels.entrySet()
                .containsAll(((Map<?, ?>) at(document, "spec", "selector", "matchLabels")).entrySet()));
        assertEquals(true, at(container, "securityContext", "readOnlyRootFilesystem"));
        assertEquals(true, at(pod, "securityContext", "runAsNonRoot"));
        List<?> volumes = (List<?>) at(pod, "volumes");
        for (Object mount : (List<?>) at(container, "volumeMounts")) {
            assertTrue(volumes.stream().anyMatch(volume -> at(volume, "name").equals(at(mount, "name"))),
                    () -> "no volume for " + mount);
        }
    }

    private static List<String> arguments(Object container) {
        return ((List<?>) at(container, "args")).stream().map(String::valueOf).toList();
    }

    /** The server would refuse what is wrong; whether there are models is not known here. */
    private static void checkFlags(List<String> arguments) {
        assertEquals("tritonserver", arguments.getFirst());
        CommandLine line = CommandLine.parse(arguments.subList(1, arguments.size()));
        assertFalse(line.asksForHelp());
    }

    private static int seconds(List<String> arguments, String flag) {
        return arguments.stream().filter(each -> each.startsWith(flag))
                .mapToInt(each -> Integer.parseInt(each.substring(flag.length()))).findFirst().orElseThrow();
    }

    @Test
    void manifestsAreRenderedAndValid() throws Exception {
        Programs.Result rendered = Programs.run("kubectl", "kustomize", DEPLOY.resolve("kubernetes").toString());

        assertEquals(0, rendered.status(), rendered::errors);
        assertEquals(5, documents(rendered.output()).size(), rendered::output);
        check(documents(rendered.output()));
    }

    @Test
    void kserveResourcesAreValid() throws IOException {
        for (String file : List.of("runtime.yaml", "inferenceservice.yaml", "inferenceservice-grpc.yaml")) {
            List<Map<?, ?>> documents = documents(Files.readString(DEPLOY.resolve("kserve").resolve(file)));
            assertEquals(1, documents.size());
            check(documents);
        }
    }

    @Test
    void theChartHasNoMistakes() throws Exception {
        Programs.Result lint = Programs.run("helm", "lint", "--strict", CHART);

        assertEquals(0, lint.status(), () -> lint.output() + lint.errors());
    }

    @ParameterizedTest
    @MethodSource("values")
    void theChartIsRenderedAndValid(String values) throws Exception {
        List<String> command = new ArrayList<>(List.of("helm", "template", "test", CHART, "--namespace", "models"));
        Arrays.stream(values.split(" ", -1)).filter(value -> !value.isEmpty())
                .forEach(value -> command.addAll(List.of("--set", value)));
        Programs.Result rendered = Programs.run(command.toArray(String[]::new));

        assertEquals(0, rendered.status(), rendered::errors);
        check(documents(rendered.output()));
        assertTrue(documents(rendered.output()).stream().anyMatch(each -> "Deployment".equals(each.get("kind"))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"replica=2", "autoscaling.type=vpa", "flags={max-queue-size=1}", "image.repository="})
    void theChartRefusesValuesThatItDoesNotKnow(String value) throws Exception {
        Programs.Result rendered = Programs.run("helm", "template", "test", CHART, "--set", value);

        assertNotEquals(0, rendered.status(), rendered::output);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"spec: {replica: 2}|apps/v1/Deployment.spec has no field replica",
        "spec: {replicas: two}|apps/v1/Deployment.spec.replicas is 'two', expected int",
        "spec: {selector: {}}|apps/v1/Deployment.spec lacks template",
        "spec: {template: {spec: {containers: [{readOnly: true}]}}}"
                + "|apps/v1/Deployment.spec.template.spec.containers[0] has no field readOnly",
        "spec: {template: {spec: {containers: {}}}}|apps/v1/Deployment.spec.template.spec.containers is no list",
        "kind: Sevrice|no document is of the type apps/v1/Sevrice"})
    void aDocumentWithAMistakeIsInvalid(String part, String mistake) throws IOException {
        String document = "apiVersion: apps/v1\n" + (part.startsWith("kind") ? "" : "kind: Deployment\n") + part;

        List<String> mistakes = DocumentTypes.read().mistakes(documents(document).getFirst());

        assertTrue(mistakes.contains(mistake), mistakes::toString);
    }
}
