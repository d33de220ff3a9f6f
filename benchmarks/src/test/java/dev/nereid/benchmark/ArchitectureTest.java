package dev.nereid.benchmark;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Only the root of the engine is for everybody. Here all modules are on the class path. */
class ArchitectureTest {
    private static final String ENGINE = "dev.nereid.engine";

    // Reading all classes takes seconds.
    private static final JavaClasses ALL = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages("dev.nereid");

    @Test
    void theInsideOfTheEngineIsForIsolationServerChecksAndBenchmarks() {
        assertTrue(ALL.containPackage(ENGINE + ".model") && ALL.containPackage("dev.nereid.backend.pytorch"),
                "all modules are looked at");
        noClasses().that()
                .resideOutsideOfPackages(ENGINE + "..", "dev.nereid.isolation..", "dev.nereid.server..",
                        "dev.nereid.tools.check..", "dev.nereid.benchmark..")
                .should().dependOnClassesThat(resideInAPackage(ENGINE + "..").and(not(resideInAPackage(ENGINE))))
                .check(ALL);
    }
}
