package dev.nereid.location.gcs;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.ObjectStoreContext;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import org.pf4j.Extension;

/** Opens locations that begin with {@code gs://}. */
@Extension
public final class GcsFactory implements ObjectStoreFactory {
    /** Creates the factory. */
    public GcsFactory() {
    }

    @Override
    public String name() {
        return "gcs";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public ObjectStore open(ObjectStoreContext context) {
        GcsPlace place = GcsPlace.parse(context.location(), context.environment());
        return new GcsStore(place, GcsAccess.of(context.credentials(), context.environment()));
    }
}
