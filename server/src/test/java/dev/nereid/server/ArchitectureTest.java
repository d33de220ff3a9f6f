package dev.nereid.server;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Which package may know which: edges depend on the core, never the reverse. */
class ArchitectureTest {
    private static final String ROOT = "dev.nereid.server";
    private static final String[] ENGINE = {ROOT + ".plugin..", ROOT + ".lifecycle..", ROOT + ".scheduler..",
        ROOT + ".stats..", ROOT + ".memory..", ROOT + ".request..", ROOT + ".gpu..", ROOT + ".sharedmemory.."};
    private static final String[] EDGES = {ROOT + ".http..", ROOT + ".protocol..", ROOT + ".metrics..", ROOT + ".cli..",
        "io.helidon.."};

    // Reading all classes takes seconds.
    private static final JavaClasses SERVER = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages(ROOT);

    @Test
    void theEngineKnowsNoFrontEnd() {
        noClasses().that().resideInAnyPackage(ENGINE).should().dependOnClassesThat(resideInAnyPackage(EDGES))
                .check(SERVER);
    }

    @Test
    void theEngineCanBeEmbedded() {
        // Of the wiring it knows the options only.
        DescribedPredicate<JavaClass> isWiring = DescribedPredicate.describe("are part of the wiring",
                type -> type.getPackageName().equals(ROOT)
                        && !type.getFullName().startsWith(ServerOptions.class.getName()));
        noClasses().that().resideInAnyPackage(ENGINE).should().dependOnClassesThat(isWiring).check(SERVER);
    }

    @Test
    void wireFormatsKnowNoListener() {
        noClasses().that().resideInAPackage(ROOT + ".protocol..").should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + ".http..", ROOT + ".cli..", "io.helidon.."))
                .check(SERVER);
    }

    @Test
    void helidonStaysAtTheEdge() {
        noClasses().that().resideOutsideOfPackages(ROOT, ROOT + ".http..", ROOT + ".cli..").should()
                .dependOnClassesThat(resideInAPackage("io.helidon..")).check(SERVER);
    }

    @Test
    void pf4jStaysInThePluginPackage() {
        noClasses().that().resideOutsideOfPackage(ROOT + ".plugin..").should()
                .dependOnClassesThat(resideInAPackage("org.pf4j..")).check(SERVER);
    }

    @Test
    void noBackendIsKnownByItsClass() {
        noClasses().should()
                .dependOnClassesThat(
                        resideInAPackage("dev.nereid.backend..")
                                .and(resideInAPackage("dev.nereid.backend.api..").negate()))
                .check(SERVER);
    }

    @Test
    void enginePackagesHaveNoCycles() {
        slices().matching(ROOT + ".(plugin|lifecycle|scheduler|stats|memory|request|metrics|gpu|sharedmemory)..")
                .should()
                .beFreeOfCycles()
                .check(SERVER);
    }
}
