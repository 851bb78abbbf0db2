;;; pen-bench-link.el --- Round trips of three links, in blocks -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen authors
;; SPDX-License-Identifier: GPL-3.0-or-later

;;; Commentary:

;; Every link is measured in blocks: a garbage collection, then so many calls;
;; blocks of the links take turns, or one link would pay for another's garbage.
;; Prints JSON: by link, a list of (median in ms, ms of collections per call).

;;; Code:

(require 'jsonrpc)
(require 'pen-rpc)

(defvar pen-bench-python nil "The Python that runs the peers.")
(defvar pen-bench-directory nil "Where the peers are.")
(defvar pen-bench-state nil "Where the service of the pen peer logs.")
(defconst pen-bench-calls 100 "Calls of a block.")
(defconst pen-bench-rounds 12 "Blocks of a link.")
(defconst pen-bench-text "What do you call a cow with no legs? Ground beef.")

(defun pen-bench-peer (name &rest args)
  "Return the command that runs the peer NAME with ARGS."
  (append (list pen-bench-python "-P" (expand-file-name name pen-bench-directory)) args))

(defun pen-bench-block (function)
  "Call FUNCTION for one block; return the median and the collections' share, in ms."
  (garbage-collect)
  (let ((collecting gc-elapsed) (times nil))
    (dotimes (_ pen-bench-calls)
      (let ((before (current-time)))
        (funcall function)
        (push (* 1000 (float-time (time-since before))) times)))
    (list (nth (/ pen-bench-calls 2) (sort times #'<))
          (/ (* 1000 (- gc-elapsed collecting)) pen-bench-calls))))

(defun pen-bench-raw ()
  "Return a function that makes one round trip over bare pipes."
  (let* ((got 0)
         (text (concat pen-bench-text "\n"))
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

(defun pen-bench-jsonrpc ()
  "Return a function that makes one round trip of jsonrpc.el, its log off."
  (let ((connection (jsonrpc-process-connection
                     :name "jsonrpc" :events-buffer-scrollback-size 0
                     :process (make-process :name "jsonrpc" :connection-type 'pipe
                                            :command (pen-bench-peer "jsonrpc_peer.py")
                                            :coding 'utf-8-emacs-unix :noquery t))))
    (lambda ()
      (jsonrpc-request connection 'echo (list :text pen-bench-text)))))

(defun pen-bench-pen ()
  "Return a function that makes one round trip of pen's link."
  (setq pen-python-command pen-bench-python
        pen-rpc-arguments (cdr (pen-bench-peer "pen_peer.py" pen-bench-state)))
  (lambda ()
    (pen-rpc-call-sync "bench-echo" (list :text pen-bench-text))))

(defun pen-bench-json (blocks)
  "Return BLOCKS, by link, as JSON."
  (mapconcat (lambda (link)
               (format "\"%s\": [%s]" (car link)
                       (mapconcat (lambda (block) (apply #'format "[%f, %f]" block))
                                  (cdr link) ", ")))
             blocks ", "))

(defun pen-bench-run ()
  "Measure the links in turns and print what was found."
  (let ((links (list (cons 'raw (pen-bench-raw))
                     (cons 'jsonrpc (pen-bench-jsonrpc))
                     (cons 'pen (pen-bench-pen))))
        (blocks nil))
    (dolist (link links)                ; nobody is measured cold
      (pen-bench-block (cdr link)))
    (dotimes (_ pen-bench-rounds)
      (dolist (link links)
        (push (pen-bench-block (cdr link)) (alist-get (car link) blocks)))
      (setq links (append (cdr links) (list (car links)))))
    (princ (format "{%s}\n" (pen-bench-json blocks)))))

(provide 'pen-bench-link)
;;; pen-bench-link.el ends here
