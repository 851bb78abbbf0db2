;;; pen-rpc-value.el --- Values as the link to pen's service writes them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What may cross the link, checked and printed.  `pen-rpc-clean' is the only
;; place that strips text properties and refuses values; `pen-rpc-check-arguments'
;; compares the arguments of a generated stub with their declared types.

;;; Code:

(eval-when-compile
  (require 'cl-lib)
  (require 'pcase))

(defconst pen-rpc-max-frame #xffffff "The most bytes a frame may have.")
(defconst pen-rpc-max-depth 100 "How deep lists may be nested.")

;;;; Values

(defun pen-rpc-clean (value &optional depth)
  "Return VALUE as it may be sent: its strings have no properties.
What need not change is not copied.  Signal `wrong-type-argument' for
what has no meaning at the other end.  DEPTH is how deep VALUE is nested."
  (cond
   ((stringp value) (pen-rpc--clean-string value))
   ((or (symbolp value) (integerp value) (floatp value)) value)
   ((> (or depth 0) pen-rpc-max-depth)
    (signal 'wrong-type-argument (list 'pen-rpc-value-p 'nested-too-deep)))
   ((and (consp value) (proper-list-p value))
    (pen-rpc--clean-list value (1+ (or depth 0))))
   ((vectorp value)
    (vconcat (pen-rpc--clean-list (append value nil) (1+ (or depth 0)))))
   (t (signal 'wrong-type-argument (list 'pen-rpc-value-p value)))))

(defun pen-rpc--clean-list (list depth)
  "Return LIST, at DEPTH, with clean items: a copy from the first that was not."
  (let ((rest list)                     ; copies of a thousand records are most of their garbage
        (item nil))
    (while (and rest (eq (car rest) (setq item (pen-rpc-clean (car rest) depth))))
      (setq rest (cdr rest)))
    (if (null rest)
        list
      (nconc (butlast list (length rest))
             (cons item (mapcar (lambda (one) (pen-rpc-clean one depth)) (cdr rest)))))))

(defun pen-rpc--clean-string (string)
  "Return STRING without properties; refuse bytes that are no characters."
  (when (if (multibyte-string-p string)
            (and (/= (string-bytes string) (length string))
                 (memq 'eight-bit (find-charset-string string)))
          (string-match-p "[\200-\377]" string))
    (signal 'wrong-type-argument (list 'pen-rpc-value-p string)))
  (if (or (text-properties-at 0 string) (next-property-change 0 string))
      (substring-no-properties string)
    string))                            ; most have none, and a copy of a megabyte costs

(defun pen-rpc--frame (uid method plist)
  "Return the frame of call UID of METHOD with the clean PLIST.
It is nil if it would be larger than the link allows."
  (let* ((print-length nil) (print-level nil) (print-circle nil) (print-gensym nil)
         (print-escape-newlines nil) (print-escape-nonascii nil)
         (print-escape-multibyte nil) (print-escape-control-characters nil)
         (print-quoted nil) (float-output-format nil)
         (payload (encode-coding-string
                   (prin1-to-string (list 'call uid (make-symbol method) (list plist)))
                   'utf-8-unix t))
         (length (1+ (length payload))))
    (when (<= length pen-rpc-max-frame)
      (concat (format "%06x" length) payload "\n"))))

;;;; Types

(defun pen-rpc-check-arguments (method parameters plist)
  "Check that PLIST, the arguments of METHOD, fits PARAMETERS.
PARAMETERS is a list of (KEY TYPE) or (KEY TYPE required).  Signal
`wrong-type-argument' with what was expected."
  (let ((rest plist))
    (while rest
      (let ((parameter (assq (car rest) parameters)))
        (unless parameter
          (signal 'wrong-type-argument
                  (list (cons 'member (mapcar #'car parameters)) (car rest) method)))
        (unless (pen-rpc-type-p (nth 1 parameter) (cadr rest))
          (signal 'wrong-type-argument
                  (list (nth 1 parameter) (cadr rest) (car rest) method)))
        (setq rest (cddr rest))))
    (dolist (parameter parameters)
      (when (and (nth 2 parameter) (not (plist-member plist (car parameter))))
        (signal 'wrong-type-argument
                (list (nth 1 parameter) 'missing (car parameter) method))))))

(defun pen-rpc-type-p (type value)
  "Return non-nil if VALUE is of TYPE, a form as `pen-rpc-check-arguments' has."
  (pcase type
    ((or 'string 'text 'file 'json) (stringp value))
    ('integer (integerp value))
    ('number (numberp value))
    ('boolean (memq value '(t nil :false)))
    ('null (memq value '(nil :null)))
    (`(member . ,words) (and value (memq value words)))
    (`(or . ,types) (cl-loop for one in types thereis (pen-rpc-type-p one value)))
    (`(list ,item)
     (and (or (vectorp value) (proper-list-p value))
          (cl-loop for one across (vconcat value) always (pen-rpc-type-p item one))))
    (`(dict ,item)
     (and (proper-list-p value)
          (cl-loop for pair in value
                   always (and (proper-list-p pair) (= (length pair) 2)
                               (stringp (car pair)) (pen-rpc-type-p item (cadr pair))))))
    (`(record . ,fields)
     (and (proper-list-p value)
          (condition-case nil
              (progn (pen-rpc-check-arguments 'record fields value) t)
            (wrong-type-argument nil))))))

(provide 'pen-rpc-value)
;;; pen-rpc-value.el ends here
