package dev.nereid.engine.trace;

/** The points on the way of a request whose time is noted; the names are those in the file. */
public enum TracePoint {
    /** The front end starts to read the request. */
    HTTP_RECV_START,
    /** The request's body is read. */
    HTTP_RECV_END,
    /** The gRPC front end starts to wait for the request. */
    GRPC_WAITREAD_START,
    /** It has the request. */
    GRPC_WAITREAD_END,
    /** The engine takes the request. */
    REQUEST_START,
    /** It is put into the queue. */
    QUEUE_START,
    /** An instance takes its batch. */
    COMPUTE_START,
    /** The batch's inputs are gathered. */
    COMPUTE_INPUT_END,
    /** The computation is over. */
    COMPUTE_OUTPUT_START,
    /** The batch's outputs are written. */
    COMPUTE_END,
    /** The backend has completed the request's response. */
    INFER_RESPONSE_COMPLETE,
    /** The engine is done with the request. */
    REQUEST_END,
    /** The front end starts to send the answer. */
    HTTP_SEND_START,
    /** The answer is sent. */
    HTTP_SEND_END,
    /** The gRPC front end starts to send an answer. */
    GRPC_SEND_START,
    /** The transport has the answer. */
    GRPC_SEND_END
}
