package dev.nereid.server;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import dev.nereid.json.StrtolNumber;
import org.junit.jupiter.api.Test;

/** Which package may know which: edges depend on the core, never the reverse. */
class ArchitectureTest {
    private static final String ROOT = "dev.nereid.server";

    // Reading all classes takes seconds.
    private static final JavaClasses SERVER = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages(ROOT);

    /** Each package by itself, the root like those below it. */
    private static final SliceAssignment PACKAGES = new SliceAssignment() {
        @Override
        public SliceIdentifier getIdentifierOf(JavaClass type) {
            return type.getPackageName().startsWith(ROOT)
                    ? SliceIdentifier.of(type.getPackageName())
                    : SliceIdentifier.ignore();
        }

        @Override
        public String getDescription() {
            return "packages, the root included";
        }
    };

    @Test
    void wireFormatsKnowNoListener() {
        noClasses().that().resideInAPackage(ROOT + ".protocol..").should()
                .dependOnClassesThat(resideInAnyPackage(ROOT + ".http..", ROOT + ".cli..", "io.helidon.."))
                .check(SERVER);
    }

    @Test
    void helidonStaysAtTheEdge() {
        noClasses().that().resideOutsideOfPackages(ROOT + ".http..", ROOT + ".listener..").should()
                .dependOnClassesThat(resideInAPackage("io.helidon..")).check(SERVER);
    }

    @Test
    void grpcStaysAtTheEdge() {
        noClasses().that().resideOutsideOfPackages(ROOT + ".grpc..", ROOT + ".tls..").should()
                .dependOnClassesThat(resideInAnyPackage("io.grpc..", "io.netty..")).check(SERVER);
    }

    @Test
    void theFrontEndsDoNotKnowEachOther() {
        noClasses().that().resideInAPackage(ROOT + ".grpc..").should()
                .dependOnClassesThat(resideInAPackage(ROOT + ".http..")).check(SERVER);
        noClasses().that().resideInAPackage(ROOT + ".http..").should()
                .dependOnClassesThat(resideInAPackage(ROOT + ".grpc..")).check(SERVER);
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
    void theProtocolKnowsNoWire() {
        classes().that().resideInAPackage(ROOT + ".v2..").should().onlyDependOnClassesThat(
                resideInAnyPackage(ROOT + ".v2..", "dev.nereid.engine..", "dev.nereid.backend.api..",
                        "dev.nereid.repository.config.proto..", "org.jspecify..", "java..")
                        .or(belongToAnyOf(StrtolNumber.class)))
                .check(SERVER);
    }

    @Test
    void aConnectionKnowsNothingOfTheProtocol() {
        noClasses().that().resideInAPackage(ROOT + ".listener..").should()
                .dependOnClassesThat(resideInAPackage(ROOT + "..")
                        .and(resideInAnyPackage(ROOT + ".listener..", ROOT + ".tls..").negate()))
                .check(SERVER);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().assignedFrom(PACKAGES).should().beFreeOfCycles().check(SERVER);
    }
}
