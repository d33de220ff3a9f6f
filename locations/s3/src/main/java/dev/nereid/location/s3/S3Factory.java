package dev.nereid.location.s3;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.ObjectStoreContext;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import org.pf4j.Extension;

/** Opens locations that begin with {@code s3://}. */
@Extension
public final class S3Factory implements ObjectStoreFactory {
    /** Creates the factory. */
    public S3Factory() {
    }

    @Override
    public String name() {
        return "s3";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public ObjectStore open(ObjectStoreContext context) {
        S3Place place = S3Place.parse(context.location());
        return S3Store.open(place, S3Access.of(place, context.credentials(), context.environment()));
    }
}
