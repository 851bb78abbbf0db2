;;; pen-dataset-chat-test.el --- Learn from a WhatsApp export -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)
(require 'pen-dataset-chat)

(defmacro pen-dataset-chat-test-with (&rest body)
  "Run BODY with an export FILE and a service that knows who speaks in it."
  `(let ((file (make-temp-file "pen-chat-" nil ".txt" "a chat")))
     (unwind-protect
         (pen-rpc-fake-with
             (cons (list "datasets-speakers" 'value '((:name "Ann" :messages 30) (:name "Ben" :messages 2)))
                   (pen-dataset-test-answer (pen-dataset-test-good-plan)))
           (save-window-excursion ,@body))
       (delete-file file))))

(defun pen-dataset-chat-test--answer (file author hide)
  "Call the command as a person who answers FILE, AUTHOR and HIDE."
  (cl-letf (((symbol-function 'read-file-name) (lambda (&rest _) file))
            ((symbol-function 'completing-read) (lambda (&rest _) author))
            ((symbol-function 'y-or-n-p) (lambda (_) hide)))
    (call-interactively #'pen-dataset-whatsapp)))

(ert-deftest pen-dataset-chat-test-asks-and-shows-what-can-be-launched ()
  (pen-dataset-chat-test-with
   (pen-dataset-chat-test--answer file "Ben" t)
   (pen-rpc-fake-settle)
   (should (equal (pen-rpc-fake-last "datasets-plan")
                  (list :path file :source (file-name-nondirectory file) :reader "whatsapp"
                        :prompt "reply" :author "Ben" :anonymise t)))
   (should (string-match-p "^with prompt reply, author Ben, anonymise yes$" (pen-fixture-text)))
   (should (string-prefix-p "C-c C-c launch" header-line-format))
   (kill-buffer)))

(ert-deftest pen-dataset-chat-test-names-are-completed-with-their-messages ()
  (pen-dataset-chat-test-with
   (let (table)
     (cl-letf (((symbol-function 'completing-read)
                (lambda (_ collection &rest _)
                  (setq table collection)
                  (pen-rpc-fake-settle)
                  "Ann")))
       (should (equal (pen-dataset-chat--read file) "Ann")))
     (should (equal (all-completions "" table) '("Ann" "Ben")))
     (should (equal (funcall (completion-metadata-get (completion-metadata "" table nil)
                                                      'annotation-function)
                             "Ann")
                    "  30 messages")))))

(ert-deftest pen-dataset-chat-test-nobody-is-no-answer ()
  (pen-dataset-chat-test-with
   (should-error (pen-dataset-chat-test--answer file "" nil) :type 'user-error)
   (should (eq (pen-rpc-fake-last "datasets-plan") 'none))))

(ert-deftest pen-dataset-chat-test-lisp-form-returns-the-plan ()
  (pen-dataset-chat-test-with
   (should (equal (plist-get (pen-dataset-whatsapp file "Ben" :prompt "chat") :id) "plan-1"))
   (should (equal (plist-get (pen-rpc-fake-last "datasets-plan") :prompt) "chat"))
   (should-not (plist-member (pen-rpc-fake-last "datasets-plan") :anonymise))))

(provide 'pen-dataset-chat-test)
;;; pen-dataset-chat-test.el ends here
