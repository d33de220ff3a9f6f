package dev.nereid.engine.model;

import dev.nereid.engine.request.RequestValidator;
import dev.nereid.repository.config.ConfigJson;
import dev.nereid.repository.config.ModelConfigs;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;

/**
 * The configuration of a version, completed and normalised, in each of the forms that are read of it. Made once.
 *
 * @param complete as the repository reads and writes it
 * @param record as backends and the engine read it
 * @param json as the protocol shows it
 * @param validator checks requests against it
 */
record VersionConfig(ModelConfig complete, dev.nereid.backend.api.config.ModelConfig record, String json,
        RequestValidator validator) {
    static VersionConfig of(ModelConfig complete) {
        var record = ModelConfigs.toRecord(complete);
        return new VersionConfig(complete, record, ConfigJson.write(complete), new RequestValidator(record));
    }
}
