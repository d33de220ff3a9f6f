package dev.nereid.isolation;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Isolation knows the engine's border to backends, and of the two processes neither knows the other's classes. */
class ArchitectureTest {
    private static final String ROOT = "dev.nereid.isolation";

    // Reading all classes takes seconds.
    private static final JavaClasses ISOLATION = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages(ROOT);

    @Test
    void onlyTheEnginesBorderToBackendsAndItsMemoryAreKnown() {
        classes().that().resideOutsideOfPackage(ROOT).should().onlyDependOnClassesThat(
                resideInAnyPackage(ROOT + "..", "dev.nereid.engine.plugin..", "dev.nereid.engine.stats..",
                        "dev.nereid.engine.memory..",
                        "dev.nereid.backend.api..", "org.jspecify..", "com.google.errorprone.annotations..", "java.."))
                .check(ISOLATION);
    }

    @Test
    void aWorkerKnowsNothingOfTheServersSide() {
        noClasses().that().resideInAPackage(ROOT + ".child..").should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + ".host..", ROOT + ".settings..")).check(ISOLATION);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(ISOLATION);
    }
}
