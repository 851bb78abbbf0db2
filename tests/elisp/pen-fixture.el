;;; pen-fixture.el --- What the tests share -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A buffer whose hooks run, definitions as the service lists them, and waits
;; with a limit.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-fake)
(require 'pen-command)

(defconst pen-fixture-definitions
  '((:slug "pun-complete" :title "Pun complete" :description "More puns." :arity 1 :n 3
           :path "/prompts/pun.yaml" :use point
           :variables ((:name "jokes" :type "list" :source "region-or-preceding" :join "\n"
                              :description "puns" :example "a\nb")
                       (:name "more" :type "list")))
    (:slug "tidy" :title "Tidy" :description "Write it again." :arity 2 :n 2 :aliases ("neat")
           :path "/prompts/tidy.yaml" :use filter
           :variables ((:name "text" :type "text" :source "region" :description "")
                       (:name "tone" :type "choice" :choices ("dry" "wet") :default "dry"
                              :description "how")))
    (:slug "list-of" :title "List of" :description "A list." :arity 2 :n 2
           :path "/prompts/list-of.yaml" :use buffer
           :variables ((:name "n" :type "int" :example "5" :description "")
                       (:name "things" :type "string" :example "cats" :description "")))
    (:slug "greet" :title "Greet" :description "A greeting." :arity 0 :n 1
           :path "/prompts/greet.yaml" :use insertion :variables nil)
    (:slug "old" :title "Old" :description "Has shell in it." :arity 1 :n 1 :refused t
           :path "/prompts/old.prompt" :use buffer
           :variables ((:name "text" :type "string" :description ""))))
  "What the service says of its definitions.")

(defun pen-fixture-done (&rest texts)
  "Return the event that ends a request with TEXTS."
  `(done :reason finished
         :value (:candidates ,(mapcar (lambda (text) (list :text text :finish-reason "stop"))
                                      texts)
                             :model "ft:tiny:puns" :prompt "PROMPT\n" :stop ("END"))))

(defmacro pen-fixture-with (events &rest body)
  "Run BODY with a service of these definitions that completes by EVENTS."
  (declare (indent 1) (debug t))
  `(let* ((user-emacs-directory (make-temp-file "pen-fixture-" t))
          (pen-prompt--known pen-fixture-definitions)
          (pen-prompt-functions nil))
     (unwind-protect
         (pen-rpc-fake-with
             (list (list "prompts-list" 'value pen-fixture-definitions)
                   (list "prompts-catalogue" 'value
                         (list :definitions pen-fixture-definitions :broken nil))
                   (append (list "completions-start" 'events) ,events))
           ,@body)
       (delete-directory user-emacs-directory t))))

(defmacro pen-fixture-in-buffer (text &rest body)
  "Run BODY in a new buffer with TEXT, unmodified, point at its end."
  (declare (indent 1) (debug t))
  `(let ((buffer (generate-new-buffer "pen-fixture")))
     (unwind-protect
         (save-window-excursion
           (switch-to-buffer buffer)
           (buffer-enable-undo)
           (transient-mark-mode 1)
           (insert ,text)
           (set-buffer-modified-p nil)
           (setq buffer-undo-list nil)
           ,@body)
       (when (buffer-live-p buffer)
         (with-current-buffer buffer
           (set-buffer-modified-p nil))
         (kill-buffer buffer)))))

(defun pen-fixture-mark (beg end)
  "Mark the text from BEG to END."
  (goto-char beg)
  (push-mark end t t))

(defun pen-fixture-until (condition &optional seconds)
  "Wait until CONDITION returns non-nil, SECONDS (60) at most; return that."
  (let ((until (+ (float-time) (or seconds 60))) value)
    (while (not (setq value (funcall condition)))
      (when (> (float-time) until)
        (ert-fail (list 'never condition)))
      (accept-process-output nil 0.005))
    value))

(defun pen-fixture-text ()
  "Return the text of this buffer."
  (buffer-substring-no-properties (point-min) (point-max)))

(defun pen-fixture-read (file)
  "Return the text of FILE."
  (with-temp-buffer (insert-file-contents file) (buffer-string)))

(defun pen-fixture-press (keys)
  "Do what KEYS do in this buffer, in a window, and what follows any command."
  (unless (eq (current-buffer) (window-buffer))
    (set-window-buffer nil (current-buffer)))
  (let ((command (key-binding (kbd keys))))
    (should (commandp command))
    (let ((this-command command))
      (call-interactively command)
      (run-hooks 'post-command-hook))))

(defun pen-fixture-busy ()
  "Return the seconds that Emacs has worked.
Unlike a clock, that does not count what other programs take."
  (float-time (get-internal-run-time)))

;; `gc-elapsed' cannot be taken off what Emacs has worked: it is by the clock.
(defmacro pen-fixture-uncollected (&rest body)
  "Run BODY, all of whose garbage is left to be collected afterwards."
  (declare (indent 0) (debug t))
  `(progn
     (garbage-collect)
     (let ((gc-cons-threshold most-positive-fixnum))
       ,@body)))

(defun pen-fixture-work (function &rest arguments)
  "Call FUNCTION with ARGUMENTS; return the seconds that Emacs worked for it."
  (pen-fixture-uncollected
    (let ((before (pen-fixture-busy)))
      (apply function arguments)
      (- (pen-fixture-busy) before))))

(defun pen-fixture-writing ()
  "Return the seconds that Emacs works to write this buffer to a file."
  (let ((file (make-temp-file "pen-fixture-"))
        (coding-system-for-write 'utf-8-unix)
        (write-region-inhibit-fsync t))
    (prog1 (pen-fixture-work #'write-region (point-min) (point-max) file nil 'silent)
      (delete-file file))))

(defun pen-fixture-time (function &rest arguments)
  "Call FUNCTION with ARGUMENTS; return the seconds that it took."
  (let ((before (float-time)))
    (apply function arguments)
    (- (float-time) before)))

(defun pen-fixture-quickest (limit attempt)
  "Fail unless the best of five calls of ATTEMPT took less than LIMIT seconds.
ATTEMPT does everything afresh and returns how long it took; on a
busy machine somebody else may have had the processor meanwhile, or
half of it: then the same work takes twice as long."
  (let ((all nil))
    (while (and (< (length all) 5)
                (not (and all (< (car all) limit))))
      (push (funcall attempt) all))
    (should (< (apply #'min all) limit))))

(defmacro pen-fixture-said (&rest body)
  "Run BODY and return the last message."
  (declare (debug t))
  `(let (said)
     (cl-letf (((symbol-function 'message)
                (lambda (format &rest args)
                  (setq said (and format (apply #'format-message format args))))))
       ,@body)
     said))

(defmacro pen-fixture-refused (&rest body)
  "Run BODY, which should be refused; return the sentence.
It must begin with a capital letter, and say after a semicolon, or in
a second part, what to do."
  (declare (debug t))
  `(let ((sentence (cadr (should-error (progn ,@body) :type 'user-error))))
     (should (string-match-p "\\`[A-Z0-9]" sentence))
     (should (string-match-p "[;,] " sentence))
     sentence))

(provide 'pen-fixture)
;;; pen-fixture.el ends here
