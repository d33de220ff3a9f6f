package dev.nereid.backend.api.contract;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import java.util.List;

/** A correct backend that can do everything passes. */
class EchoContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new EchoFactory();
    }

    @Override
    protected ModelConfig config() {
        return EchoFactory.config();
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return EchoFactory.sampleRequests();
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        return EchoFactory.refusedRequests();
    }

    @Override
    protected BackendAbilities abilities() {
        return EchoFactory.ABILITIES;
    }
}
