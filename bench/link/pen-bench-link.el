;;; pen-bench-link.el --- Links of Emacs to a process, measured in blocks -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;;; Commentary:

;; A measurement is a kind of call, over several links.  Each link is measured
;; in blocks: a garbage collection, then so many calls; blocks of the links take
;; turns, or one link would pay for another's garbage.  Prints JSON: by kind, by
;; link, a list of (ms a call, ms of collections a call) for each block; the
;; first is the median of `sync', else the mean.

;;; Code:

(require 'cl-lib)
(require 'jsonrpc)
(require 'pen-rpc)

(defvar pen-bench-python nil "The Python that runs the peers.")
(defvar pen-bench-directory nil "Where the peers are.")
(defvar pen-bench-state nil "Where the service of the pen peer logs.")
(defconst pen-bench-line "What do you call a cow with no legs? Ground beef.")
(defvar pen-bench-events 20000 "Events of a flood.")
(defconst pen-bench-stock-events 4000 "Events of a flood for epc.el, which takes long.")
(defconst pen-bench-flight 64 "Calls in flight at a time.")
(defconst pen-bench-calls 1000 "Calls of a block of those.")

(defconst pen-bench-text
  (let ((line "What do you call a cow with no legs? \"Ground beef\" — größe\n"))
    (substring (apply #'concat (make-list 20000 line)) 0 1000000))
  "A text of a million characters.")

(defconst pen-bench-records
  (let ((records nil))
    (dotimes (index 1000)
      (push (list :text (format "What do you call cow %d? \"Ground beef\"." index)
                  :weight (/ index 7.0) :label nil)
            records))
    (nreverse records))
  "A thousand records.")

(defun pen-bench-peer (name &rest args)
  "Return the command that runs the peer NAME with ARGS."
  (append (list pen-bench-python "-P" (expand-file-name name pen-bench-directory)) args))

;;;; Raw pipes

(defun pen-bench-raw ()
  "Return a function that makes one round trip over bare pipes."
  (let* ((got 0)
         (text (concat pen-bench-line "\n"))
         (process-adaptive-read-buffering nil)
         (process (make-process :name "raw" :command (pen-bench-peer "raw_peer.py")
                                :connection-type 'pipe :coding 'binary :noquery t
                                :filter (lambda (_process chunk)
                                          (setq got (+ got (length chunk)))))))
    (lambda ()
      (setq got 0)
      (process-send-string process text)
      (while (< got (length text))
        (accept-process-output process nil nil t)))))

;;;; jsonrpc.el

(defvar pen-bench-json-seen nil "What the last event of jsonrpc.el brought.")
(defvar pen-bench-json-count 0 "Events of jsonrpc.el that came in order.")

(defun pen-bench-jsonrpc ()
  "Return a connection of jsonrpc.el, its log off."
  (jsonrpc-process-connection
   :name "jsonrpc" :events-buffer-scrollback-size 0
   :notification-dispatcher (lambda (_connection _method params)
                              (let ((text (plist-get params :text)))
                                (when (and text (string< pen-bench-json-seen text))
                                  (setq pen-bench-json-count (1+ pen-bench-json-count)))
                                (setq pen-bench-json-seen (or text 'done))))
   :process (make-process :name "jsonrpc" :connection-type 'pipe
                          :command (pen-bench-peer "jsonrpc_peer.py")
                          :coding 'utf-8-emacs-unix :noquery t)))

(defun pen-bench-jsonrpc-kinds (connection)
  "Return functions by kind over CONNECTION."
  (let ((records (vconcat pen-bench-records))) ; what its serializer wants
    (list
     (cons 'sync (lambda () (jsonrpc-request connection 'echo (list :text pen-bench-line))))
     (cons 'pipelined (lambda ()
                        (pen-bench-pipeline
                         (lambda (next)
                           (jsonrpc-async-request connection 'echo (list :text pen-bench-line)
                                                  :success-fn next)))))
     (cons 'events (lambda ()
                     (setq pen-bench-json-seen "" pen-bench-json-count 0)
                     (jsonrpc-request connection 'flood (list :count pen-bench-events))
                     (while (not (eq pen-bench-json-seen 'done))
                       (accept-process-output nil 1))
                     (cl-assert (= pen-bench-json-count pen-bench-events))))
     (cons 'records-to-emacs
           (lambda () (cl-assert (= 1000 (length (jsonrpc-request connection 'give nil))))))
     (cons 'records-to-python
           (lambda () (cl-assert (= 1000 (jsonrpc-request connection 'take (list :records records))))))
     (cons 'text-to-emacs
           (lambda () (cl-assert (= 1000000 (length (jsonrpc-request connection 'text nil))))))
     (cons 'text-to-python
           (lambda () (cl-assert (= 1000000 (jsonrpc-request connection 'length
                                                             (list :text pen-bench-text)))))))))

;;;; Pen

(defun pen-bench-pen-kinds ()
  "Return functions by kind over pen's link."
  (setq pen-python-command pen-bench-python
        pen-rpc-arguments (cdr (pen-bench-peer "pen_peer.py" pen-bench-state)))
  (let ((flood 0))
    (list
     (cons 'sync (lambda () (pen-rpc-call-sync "bench-echo" (list :text pen-bench-line))))
     (cons 'pipelined (lambda ()
                        (pen-bench-pipeline
                         (lambda (next)
                           (pen-rpc-call "bench-echo" (list :text pen-bench-line) next)))))
     (cons 'events (lambda ()
                     (let ((seen "") (count 0)
                           (id (format "f%d" (cl-incf flood))))
                       (pen-rpc-on-event id (lambda (_kind plist)
                                              (let ((text (plist-get plist :text)))
                                                (when (and text (string< seen text))
                                                  (setq count (1+ count)))
                                                (setq seen (or text 'done)))))
                       (pen-rpc-call-sync "bench-flood" (list :name id :count pen-bench-events))
                       (while (not (eq seen 'done))
                         (accept-process-output nil 1))
                       (cl-assert (= count pen-bench-events)))))
     (cons 'records-to-emacs
           (lambda () (cl-assert (= 1000 (length (pen-rpc-call-sync "bench-give" nil))))))
     (cons 'records-to-python
           (lambda () (cl-assert (= 1000 (pen-rpc-call-sync
                                          "bench-take" (list :records pen-bench-records))))))
     (cons 'text-to-emacs
           (lambda () (cl-assert (= 1000000 (length (pen-rpc-call-sync "bench-text" nil))))))
     (cons 'text-to-python
           (lambda () (cl-assert (= 1000000 (pen-rpc-call-sync
                                             "bench-length" (list :text pen-bench-text)))))))))

(defun pen-bench-pipeline (call)
  "Have CALL make calls, so many in flight; it gets what is to be done at an answer."
  (let ((sent 0) (answered 0) (next nil))
    (setq next (lambda (_value)
                 (setq answered (1+ answered))
                 (when (< sent pen-bench-calls)
                   (setq sent (1+ sent))
                   (funcall call next))))
    (dotimes (_ pen-bench-flight)
      (setq sent (1+ sent))
      (funcall call next))
    (while (< answered pen-bench-calls)
      (accept-process-output nil 1))))

;;;; Stock epc.el, if it is there

(declare-function epc:start-epc "epc" (program arguments))
(declare-function epc:call-sync "epc" (manager method arguments))
(declare-function epc:define-method "epc" (manager method function))
(defvar epc:accept-process-timeout)

(defun pen-bench-stock-kinds ()
  "Return functions by kind over epc.el, or nil; those with -1ms look that often."
  (when (require 'epc nil t)
    (let* ((manager (epc:start-epc pen-bench-python (cdr (pen-bench-peer "stock_peer.py"))))
           (count 0)
           (fast (lambda (method arguments)
                   (let ((epc:accept-process-timeout 1))
                     (epc:call-sync manager method arguments)))))
      (epc:define-method manager 'pen-event
                         (lambda (_number text) ; it does not keep them in order
                           (unless (equal text "done")
                             (setq count (1+ count)))
                           nil))
      (list
       (cons 'sync (lambda () (epc:call-sync manager 'echo (list pen-bench-line))))
       (cons 'events (lambda ()
                       (setq count 0)
                       (funcall fast 'flood (list pen-bench-events))
                       (while (< count pen-bench-events)
                         (accept-process-output nil 1))))
       (cons 'records-to-emacs (lambda () (cl-assert (= 1000 (length (funcall fast 'give nil))))))
       (cons 'records-to-python
             (lambda () (cl-assert (= 1000 (funcall fast 'take (list pen-bench-records))))))))))

;;;; Blocks

(defun pen-bench-block (function calls median)
  "Call FUNCTION, CALLS times, after a collection.
Return the milliseconds a call, the MEDIAN or the mean, and those of collections."
  (garbage-collect)
  (let ((collecting gc-elapsed) (times nil))
    (dotimes (_ calls)
      (let ((before (current-time)))
        (funcall function)
        (push (* 1000 (float-time (time-since before))) times)))
    (list (if median
              (nth (/ calls 2) (sort times #'<))
            (/ (apply #'+ times) calls))
          (/ (* 1000 (- gc-elapsed collecting)) calls))))

(defun pen-bench-measure (kind calls rounds links)
  "Measure KIND over LINKS, an alist, in ROUNDS of blocks of CALLS; print the blocks."
  (let ((blocks nil)
        (links (cl-remove-if-not (lambda (link) (assq kind (cdr link))) links)))
    (dolist (link links)                ; nobody is measured cold
      (pen-bench-block (alist-get kind (cdr link)) 1 nil))
    (dotimes (_ rounds)
      (dolist (link links)
        (push (pen-bench-block (alist-get kind (cdr link)) calls (eq kind 'sync))
              (alist-get (car link) blocks)))
      (setq links (append (cdr links) (list (car links)))))
    (mapconcat (lambda (link)
                 (format "\"%s\": [%s]" (car link)
                         (mapconcat (lambda (block) (apply #'format "[%f, %f]" block))
                                    (cdr link) ", ")))
               blocks ", ")))

(defun pen-bench-run ()
  "Measure everything and print what was found."
  (let* ((raw (list 'raw (cons 'sync (pen-bench-raw))))
         (jsonrpc (cons 'jsonrpc (pen-bench-jsonrpc-kinds (pen-bench-jsonrpc))))
         (pen (cons 'pen (pen-bench-pen-kinds)))
         (stock (cons 'stock (pen-bench-stock-kinds)))
         (found nil))
    (pcase-dolist (`(,name ,kind ,calls ,rounds . ,links)
                   `((sync sync 100 12 ,raw ,jsonrpc ,pen)
                     (stock-sync sync 5 3 ,stock ,pen)
                     (pipelined pipelined 1 4 ,jsonrpc ,pen)
                     (events events 1 4 ,jsonrpc ,pen)
                     (stock-events events 1 2 ,stock ,pen)
                     (records-to-emacs records-to-emacs 15 4 ,jsonrpc ,pen)
                     (records-to-python records-to-python 15 4 ,jsonrpc ,pen)
                     (text-to-emacs text-to-emacs 15 4 ,jsonrpc ,pen)
                     (text-to-python text-to-python 15 4 ,jsonrpc ,pen)
                     (stock-records-to-emacs records-to-emacs 15 4 ,stock ,pen)
                     (stock-records-to-python records-to-python 15 4 ,stock ,pen)))
      (message "  %s" name)
      (when (cl-every #'cdr links)
        (let ((pen-bench-events (if (eq name 'stock-events) pen-bench-stock-events
                                  pen-bench-events)))
          (push (format "\"%s\": {%s}" name (pen-bench-measure kind calls rounds links)) found))))
    (princ (format "{%s}\n" (mapconcat #'identity (nreverse found) ", ")))))

(provide 'pen-bench-link)
;;; pen-bench-link.el ends here
