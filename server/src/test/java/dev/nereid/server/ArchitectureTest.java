package dev.nereid.server;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Which package may know which: edges depend on the core, never the reverse. */
class ArchitectureTest {
    private static final String ROOT = "dev.nereid.server";

    // Reading all classes takes seconds.
    private static final JavaClasses SERVER = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages(ROOT);

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
    void noBackendIsKnownByItsClass() {
        noClasses().should()
                .dependOnClassesThat(
                        resideInAPackage("dev.nereid.backend..")
                                .and(resideInAPackage("dev.nereid.backend.api..").negate()))
                .check(SERVER);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(SERVER);
    }
}
