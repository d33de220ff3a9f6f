package dev.nereid.engine.request;

import dev.nereid.engine.stats.ModelStatistics;

/**
 * What a request on its way has to know of its model.
 *
 * @param isDecoupled whether a request may have any number of responses
 * @param outputShapes how output shapes are shown to clients
 * @param statistics counts the responses of a decoupled model
 * @param maxWaitingBytes bound on what the responses of one request may occupy while their receiver has not closed them
 */
public record ModelIo(boolean isDecoupled, OutputShapes outputShapes, ModelStatistics statistics,
        long maxWaitingBytes) {
}
