package dev.nereid.engine;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The engine knows no front end and no wire format, and its packages know each other in one direction only. */
class ArchitectureTest {
    private static final String ROOT = "dev.nereid.engine";

    // Reading all classes takes seconds.
    private static final JavaClasses ENGINE = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages(ROOT);

    @Test
    void theEngineKnowsNoFrontEndAndNoWireFormat() {
        classes().should().onlyDependOnClassesThat(resideInAnyPackage(ROOT + "..", "dev.nereid.backend.api..",
                "dev.nereid.repository..", "org.pf4j..", "org.jspecify..", "java..",
                "com.google.errorprone.annotations.."))
                .check(ENGINE);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(ENGINE);
    }

    @Test
    void whatOtherProgramsUseKnowsNothingOfTheInside() {
        // The one arrow inwards: somebody has to make the engine.
        noClasses().that().resideInAPackage(ROOT).and().doNotBelongToAnyOf(InferenceEngine.class).should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + ".*..")).check(ENGINE);
    }

    @Test
    void pf4jStaysInThePluginPackage() {
        noClasses().that().resideOutsideOfPackage(ROOT + ".plugin..").should()
                .dependOnClassesThat(resideInAPackage("org.pf4j..")).check(ENGINE);
    }

    @Test
    void noBackendIsKnownByItsClass() {
        noClasses().should()
                .dependOnClassesThat(
                        resideInAPackage("dev.nereid.backend..")
                                .and(resideInAPackage("dev.nereid.backend.api..").negate()))
                .check(ENGINE);
    }
}
