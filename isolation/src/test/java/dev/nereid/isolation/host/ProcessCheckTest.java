package dev.nereid.isolation.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.Diagnosis.Verdict;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProcessCheckTest {
    @Test
    void aMachineOnWhichTheseTestsRunIsGood() {
        List<Diagnosis> found = ProcessCheck.run();
        assertEquals(List.of("process", "shared memory", "memory limits"),
                found.stream().map(Diagnosis::subject).toList());
        assertEquals(Verdict.OK, found.getFirst().verdict());
    }
}
