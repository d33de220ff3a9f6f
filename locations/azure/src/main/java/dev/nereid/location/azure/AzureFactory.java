package dev.nereid.location.azure;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.ObjectStoreContext;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import org.pf4j.Extension;

/** Opens locations that begin with {@code as://}. */
@Extension
public final class AzureFactory implements ObjectStoreFactory {
    /** Creates the factory. */
    public AzureFactory() {
    }

    @Override
    public String name() {
        return "azure";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public ObjectStore open(ObjectStoreContext context) {
        AzurePlace place = AzurePlace.parse(context.location(), context.environment());
        return AzureStore.open(place, AzureAccess.of(place, context.credentials(), context.environment()));
    }
}
